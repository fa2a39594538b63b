import { createServer, type RequestListener } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { unpauseOver } from '../../../src/quiesce/docker-socket.ts';
import { suite } from '../../support/suite.ts';

interface Given {
  directory: string;
}

const test = suite<Given>('unpausing over the socket alone');

test.before.each((given) => {
  given.directory = mkdtempSync(join(tmpdir(), 'cowherd-test-'));
});

test.after.each(({ directory }) => {
  rmSync(directory, { recursive: true, force: true });
});

/** What becomes of an unpause where these are the answers: to it, and to the question after it. */
async function unpaused(
  { directory }: Given,
  unpause: readonly [number, string],
  state: readonly [number, string],
): Promise<boolean> {
  const answer: RequestListener = ({ method }, response) => {
    const [status, body] = method === 'POST' ? unpause : state;
    response.writeHead(status).end(body);
  };
  const server = createServer(answer);
  const socket = join(directory, 'docker.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    return await unpauseOver(socket)('c0ffee');
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const told = (paused: boolean): [number, string] => [
  200,
  JSON.stringify({ Id: 'c0ffee', State: { Paused: paused } }),
];
const NONSENSE: [number, string] = [200, '{"Id":7,"Volumes":"none"}'];

test('is done when Docker says that the container is not paused', async (given) => {
  assert.is(await unpaused(given, [204, ''], told(false)), true);
  assert.is(await unpaused(given, [500, '{"message":"not paused"}'], told(false)), true);
});

test('is done when the container is gone', async (given) => {
  assert.is(await unpaused(given, [404, ''], NONSENSE), true);
  assert.is(await unpaused(given, [204, ''], [404, '']), true);
});

test('is not done while Docker says that it is paused, whatever it answered before', async (given) => {
  assert.is(await unpaused(given, [204, ''], told(true)), false);
  assert.is(await unpaused(given, NONSENSE, told(true)), false);
});

test('is not believed where Docker says nothing of it', async (given) => {
  for (const state of [
    NONSENSE,
    [500, '{"message":"no"}'],
    [200, 'null'],
    [200, '<html>'],
  ] as const)
    for (const word of [[204, ''], NONSENSE] as const)
      await unpaused(given, word, state).then(
        () => assert.unreachable(`${word.join(' ')}, ${state.join(' ')}`),
        (error: unknown) => {
          assert.instance(error, Error);
        },
      );
});

test.run();
