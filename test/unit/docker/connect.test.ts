import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { call } from '../../../src/docker/call.ts';
import { connectDocker } from '../../../src/docker/connect.ts';
import { CowherdError } from '../../../src/model/errors.ts';

async function failure(action: Promise<unknown>): Promise<CowherdError> {
  const error: unknown = await action.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CowherdError) return error;
  throw new Error(`expected a CowherdError, got ${String(error)}`);
}

/** Runs `body` against a socket on which somebody who is not Docker answers. */
async function withServer(answer: RequestListener, body: (socket: string) => Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
  const socket = join(directory, 's');
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    chmodSync(socket, 0o600);
    await body(socket);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  }
}

test('without a socket Docker is unreachable, whatever DOCKER_HOST says', async () => {
  process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
  try {
    const docker = await connectDocker('/nonexistent/docker.sock');
    const error = await failure(docker.containers());
    assert.is(error.code, 'DOCKER_UNREACHABLE');
    assert.match(error.hint, '/nonexistent/docker.sock');
  } finally {
    delete process.env['DOCKER_HOST'];
  }
});

test('a refusal carries the words and the status', async () => {
  await withServer(
    (_request, response) => response.writeHead(500).end('{"message":"no disk"}'),
    async (socket) => {
      const error = await failure((await connectDocker(socket)).volumes());
      assert.is(error.code, 'TOOL_FAILED');
      assert.match(error.message, 'no disk');
      assert.is(error.details['statusCode'], 500);
    },
  );
});

test('what is gone is null, none or stopped; what is so already is success', async () => {
  await withServer(
    (request, response) =>
      response.writeHead(request.url?.endsWith('/start') ? 304 : 404).end('{}'),
    async (socket) => {
      const docker = await connectDocker(socket);
      assert.is(await docker.inspect('x'), null);
      assert.equal(await docker.imageDigests('sha256:0'), []);
      await docker.stop('x');
      await docker.start('x');
      await docker.unpause('x');
      assert.is((await failure(docker.pause('x'))).code, 'TOOL_FAILED');
    },
  );
});

test('an odd container name stays one component of the address', async () => {
  const asked: string[] = [];
  await withServer(
    (request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(404).end('{}');
    },
    async (socket) => {
      await (await connectDocker(socket)).inspect('../info?x#');
    },
  );
  assert.equal(
    asked.map((url) => url.replace(/\?$/, '')),
    ['/containers/..%2Finfo%3Fx%23/json'],
  );
});

test('an answer that is not HTTP or breaks off is unreachable', async () => {
  await withServer(
    (request) => request.socket.end('SSH-2.0-hello\r\n'),
    async (socket) => {
      assert.is((await failure((await connectDocker(socket)).info())).code, 'DOCKER_UNREACHABLE');
    },
  );
});

test('a call that gets no answer ends in time and aborts its request', async () => {
  const aborted = Promise.withResolvers<boolean>();
  const options = { what: 'wait', socketPath: '/s', timeoutMs: 20 };
  const error = await failure(
    call(options, (signal) => {
      signal.addEventListener('abort', () => {
        aborted.resolve(true);
      });
      return sleep(5_000, undefined, { ref: false });
    }),
  );
  assert.is(error.code, 'DOCKER_UNREACHABLE');
  assert.ok(await aborted.promise);
});

test.run();
