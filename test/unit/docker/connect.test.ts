import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { call, PATIENCE } from '../../../src/docker/call.ts';
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

test('an answer that breaks off half way fails at once, and no half of it is used', async () => {
  await withServer(
    (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('[{"Id":', () => response.socket?.destroy());
    },
    async (socket) => {
      const docker = await connectDocker(socket, { ...PATIENCE, answerMs: 600_000 });
      assert.is((await failure(docker.containers())).code, 'DOCKER_UNREACHABLE');
      assert.is((await failure(docker.stop('x'))).code, 'DOCKER_UNREACHABLE');
    },
  );
});

test('an answer without end is not kept in memory', async () => {
  const chunk = Buffer.alloc(1 << 20, ' ');
  let sent = 0;
  await withServer(
    (_request, response) => {
      const pour = (error?: Error | null): void => {
        if (!error) response.write(chunk, pour);
        sent += 1;
      };
      pour();
    },
    async (socket) => {
      const error = await failure((await connectDocker(socket)).volumes());
      assert.is(error.code, 'TOOL_FAILED');
      assert.match(error.message, 'longer than 64 MiB');
      assert.ok(sent < 200, `${String(sent)} MiB were sent`);
    },
  );
});

test('events go on however many there have been', async () => {
  const padding = 'y'.repeat(60_000);
  const event = { Type: 'container', Action: 'start', Actor: { ID: 'x', Attributes: { padding } } };
  const most = 1_200; // 72 MB
  await withServer(
    (_request, response) => {
      response.writeHead(200).flushHeaders();
      let sent = 0;
      const more = (): void => {
        while (sent < most) {
          sent += 1;
          if (!response.write(`${JSON.stringify(event)}\n`)) {
            response.once('drain', more);
            return;
          }
        }
      };
      setTimeout(more, 100);
    },
    async (socket) => {
      const ended = new AbortController();
      let seen = 0;
      for await (const { id } of (await connectDocker(socket)).events(ended.signal)) {
        assert.is(id, 'x');
        seen += 1;
        if (seen === most) break;
      }
      assert.is(seen, most);
    },
  );
});

test('no call waits for ever, and none leaves its request open', async () => {
  const open = new Set<object>();
  await withServer(
    (_request, response) => {
      open.add(response);
      response.on('close', () => open.delete(response));
    },
    async (socket) => {
      const docker = await connectDocker(socket, { answerMs: 50, actionMs: 50, stopMarginMs: 50 });
      const calls = [
        docker.info(),
        docker.containers(),
        docker.volumes(),
        docker.inspect('x'),
        docker.imageDigests('sha256:0'),
        docker.createVolume('x', {}),
        docker.stop('x'),
        docker.start('x'),
        docker.pause('x'),
        docker.unpause('x'),
        docker.exec('x', ['true'], 50),
      ];
      for (const { code } of await Promise.all(calls.map(failure)))
        assert.is(code, 'DOCKER_UNREACHABLE');
      for (let round = 0; open.size > 0 && round < 1_000; round += 1) await sleep(10);
      assert.is(open.size, 0);
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
