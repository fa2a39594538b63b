import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { BOUNDS, type Bounds } from '../../../src/daemon/api-server.ts';
import { serveApi } from '../../../src/daemon/api.ts';
import { toCowherdError } from '../../../src/model/errors.ts';
import { bareHost, type Bare } from '../../support/api/context.ts';

const test = suite<{ host: Bare }>('socket');

test.before.each(async (context) => {
  context.host = await bareHost();
});
test.after.each(({ host }) => {
  host.remove();
});

type Served = Awaited<ReturnType<typeof serveApi>>;

const serve = (host: Bare, bounds: Partial<Bounds> = {}): Promise<Served> =>
  serveApi({
    context: host.context,
    version: '0',
    tell: () => undefined,
    bounds: { ...BOUNDS, ...bounds },
  });

async function statusOf(socketPath: string, path = '/healthz'): Promise<number | undefined> {
  const asked = request({ socketPath, path, agent: false }).end();
  const [response] = await once(asked, 'response');
  response.resume();
  return response.statusCode;
}

async function codeOf(work: Promise<Served>): Promise<string> {
  try {
    await (await work).close();
    return 'served';
  } catch (error) {
    return toCowherdError(error).code;
  }
}

async function client(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** What it was told until it was cut off. */
async function cutOff(socket: Socket): Promise<string> {
  let said = '';
  socket.on('data', (chunk) => {
    said += String(chunk);
  });
  const late = setTimeout(10_000, 'late', { ref: false });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  if (!socket.closed && (await Promise.race([ended, late])) === 'late')
    throw new Error('it is still held');
  return said;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test('a socket of 0600 in a directory of 0700, and nothing besides; gone with its server', async ({
  host,
}) => {
  const umask = process.umask(0);
  try {
    const served = await serve(host);
    assert.equal([modeOf(host.socket), modeOf(dirname(host.socket))], ['600', '700']);
    assert.equal(readdirSync(dirname(host.socket)), ['api.sock']);
    assert.is(await statusOf(host.socket), 204);
    await served.close();
    assert.equal(readdirSync(dirname(host.socket)), []);
  } finally {
    process.umask(umask);
  }
});

test('a directory that is there stays as it is', async ({ host }) => {
  mkdirSync(dirname(host.socket));
  const before = modeOf(dirname(host.socket));
  await (await serve(host)).close();
  assert.is(modeOf(dirname(host.socket)), before);
});

test('where one serves another is LOCKED, and the first goes on; after it there is room', async ({
  host,
}) => {
  const first = await serve(host);
  assert.is(await codeOf(serve(host)), 'LOCKED');
  assert.is(await statusOf(host.socket), 204);
  await first.close();
  assert.is(await codeOf(serve(host)), 'served');
});

test("another program's live socket is LOCKED and stays", async ({ host }) => {
  mkdirSync(dirname(host.socket));
  const other = createServer().listen(host.socket);
  await once(other, 'listening');
  assert.is(await codeOf(serve(host)), 'LOCKED');
  const socket = await client(host.socket);
  socket.destroy();
  other.close();
});

test('what is no socket is refused and stays', async ({ host }) => {
  mkdirSync(dirname(host.socket));
  writeFileSync(host.socket, 'precious');
  assert.is(await codeOf(serve(host)), 'CONFIG_INVALID');
  assert.is(readFileSync(host.socket, 'utf8'), 'precious');
});

test('nor is a link followed, or a path taken that no socket can have', async ({ host }) => {
  mkdirSync(dirname(host.socket));
  symlinkSync(join(host.root, 'elsewhere'), host.socket);
  assert.is(await codeOf(serve(host)), 'CONFIG_INVALID');
  const long = join(host.root, 'x'.repeat(120), 'api.sock');
  const context = await host.context();
  const api = { ...context.config.api, socket: long };
  const longer = async () => ({ ...context, config: { ...context.config, api } });
  assert.is(await codeOf(serve({ ...host, context: longer })), 'CONFIG_INVALID');
  assert.equal(readdirSync(dirname(long)), []);
});

test('a socket that is somebody else’s by now stays when the server ends', async ({ host }) => {
  const served = await serve(host);
  unlinkSync(host.socket);
  const other = createServer().listen(host.socket);
  await once(other, 'listening');
  await served.close();
  (await client(host.socket)).destroy();
  other.close();
});

test('a client that says nothing, or a word now and then, is cut off', async ({ host }) => {
  const served = await serve(host, { headMs: 300, requestMs: 600 });
  const silent = await client(host.socket);
  const slow = await client(host.socket);
  const drip = setInterval(() => slow.writable && slow.write('x'), 50);
  slow.write('GET /healthz HTTP/1.1\r\nhost: x\r\nx: ');
  const said = await Promise.all([cutOff(silent), cutOff(slow)]);
  clearInterval(drip);
  assert.match(said[1], /^HTTP\/1.1 408 /);
  assert.is(await statusOf(host.socket), 204);
  await served.close();
});

test('so is one that sends its body by drips, and one between two requests', async ({ host }) => {
  const served = await serve(host, { headMs: 300, requestMs: 600, idleMs: 300 });
  const slow = await client(host.socket);
  slow.write('POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx');
  const idle = await client(host.socket);
  idle.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
  const said = await Promise.all([cutOff(slow), cutOff(idle)]);
  assert.match(said[0], /^HTTP\/1.1 4\d\d /);
  assert.match(said[1], /^HTTP\/1.1 204 /);
  await served.close();
});

test('and one that does not take its answer, or whose answer takes too long', async ({ host }) => {
  const never = new Promise<never>(() => undefined);
  let asked = 0;
  const context = () => (asked++ === 0 ? host.context() : never);
  const served = await serve({ ...host, context }, { answerMs: 300 });
  const waiting = await client(host.socket);
  waiting.write('GET /v1/agents HTTP/1.1\r\nhost: x\r\n\r\n');
  assert.is(await cutOff(waiting), '');
  const full = await client(host.socket);
  for (let nth = 0; nth < 900; nth += 1)
    full.write('GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n');
  await setTimeout(1000);
  const taken = await cutOff(full);
  assert.ok(taken.split('HTTP/1.1 200').length < 900);
  await served.close();
});

test('so many connections and no more; one that ends makes room', async ({ host }) => {
  const served = await serve(host, { connections: 3 });
  const held = await Promise.all([1, 2, 3].map(() => client(host.socket)));
  const fourth = await client(host.socket);
  assert.is(await cutOff(fourth), '');
  held[0]?.destroy();
  await setTimeout(100);
  assert.is(await statusOf(host.socket), 204);
  for (const socket of held) socket.destroy();
  await served.close();
});

test('what is no HTTP, or has too large a head, is an error of ours', async ({ host }) => {
  const served = await serve(host);
  for (const [sent, status] of [
    ['hello\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const) {
    const socket = await client(host.socket);
    socket.write(sent);
    const said = await cutOff(socket);
    assert.ok(said.startsWith(`HTTP/1.1 ${status} `), said);
    assert.is(JSON.parse(said.split('\r\n\r\n')[1] ?? '').error.code, 'USAGE');
  }
  await served.close();
});

test('it ends at once, whoever is connected or waits for an answer', async ({ host }) => {
  const never = new Promise<never>(() => undefined);
  let asked = 0;
  const context = () => (asked++ === 0 ? host.context() : never);
  const served = await serve({ ...host, context });
  const idle = await client(host.socket);
  const waiting = await client(host.socket);
  waiting.write('GET /v1/agents HTTP/1.1\r\nhost: x\r\n\r\n');
  await setTimeout(100);
  const startedAt = performance.now();
  await served.close();
  assert.ok(performance.now() - startedAt < 1000);
  assert.equal(await Promise.all([cutOff(idle), cutOff(waiting)]), ['', '']);
});

test('TCP comes later, and is told', async ({ host }) => {
  const context = await host.context();
  const api = { ...context.config.api, listen: '127.0.0.1:0' };
  const told: string[] = [];
  const served = await serveApi({
    context: async () => ({ ...context, config: { ...context.config, api } }),
    version: '0',
    tell: (line) => told.push(line),
  });
  assert.is(told.length, 1);
  assert.match(told[0] ?? '', 'api.listen');
  await served.close();
});

test.run();
