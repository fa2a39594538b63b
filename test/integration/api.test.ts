import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { DOCUMENTS, type DocumentName } from '../../src/daemon/api-schemas.ts';
import { ROUTES } from '../../src/daemon/routes.ts';
import type { Run } from '../../src/model/run.ts';
import type { SnapshotDocument } from '../../src/model/snapshot.ts';
import { listed, take, takeOne } from '../support/cycle/commands.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must, run } from '../support/lab/run.ts';

requireLab();

interface Served {
  lab: Lab;
  config: string;
  socket: string;
  server: ChildProcess;
}

const test = suite<Served>('api');

/** A process that serves; `said` is its first line. */
async function start(config: string): Promise<{ server: ChildProcess; said: string }> {
  const program = join(import.meta.dirname, '../support/api/serve.ts');
  const server = spawn(process.execPath, [program, config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = await once(server.stdout, 'data');
  return { server, said: String(chunk).trim() };
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

test.before(async (context) => {
  const lab = await startLab();
  context.lab = lab;
  for (const name of ['alpha', 'beta']) await lab.startAgent({ name, capturable: true });
  context.socket = join(lab.root, 'api/api.sock');
  context.config = lab.writeConfig('api', { api: { socket: context.socket } });
  const { server, said } = await start(context.config);
  context.server = server;
  assert.is(said, 'serving');
});
test.after(async ({ lab, server }) => {
  await kill(server);
  await lab.stop();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function curl(socket: string, path: string, args: readonly string[] = []): Promise<Answer> {
  const argv = ['curl', '-sS', '--unix-socket', socket, '-w', '\n%{http_code}', ...args];
  const said = await must([...argv, `http://localhost${path}`]);
  const at = said.lastIndexOf('\n');
  return { status: Number(said.slice(at + 1)), body: said.slice(0, at) };
}

/** A document that fits its schema. */
async function get<T>(socket: string, path: string, name: DocumentName): Promise<T> {
  const { status, body } = await curl(socket, path);
  assert.is(status, 200, body);
  const json: unknown = JSON.parse(body);
  const parsed = DOCUMENTS[name].safeParse(json);
  assert.ok(parsed.success, parsed.error?.message);
  return json as T;
}

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test('its socket is for its owner alone', async ({ socket }) => {
  assert.equal([modeOf(socket), modeOf(dirname(socket))], ['600', '700']);
  assert.equal(readdirSync(dirname(socket)), ['api.sock']);
  const asked = ['curl', '-sS', '--unix-socket', socket, 'http://localhost/healthz'];
  const other = await run(['setpriv', '--reuid=65534', '--clear-groups', ...asked]);
  assert.is(other.exitCode, 7);
});

test('the documents are those of the command line', async ({ lab, socket }) => {
  await takeOne(lab, 'alpha', ['--tag', 'why=first']);
  assert.equal(await curl(socket, '/healthz'), { status: 204, body: '' });
  for (const [path, argv, name] of [
    ['/v1/agents', ['agents'], 'Agents'],
    ['/v1/agents/alpha', ['agents', 'alpha'], 'Agents'],
    ['/v1/snapshots?agent=alpha', ['snapshots', 'alpha'], 'Snapshots'],
  ] as const) {
    const document = await get<object>(socket, path, name);
    const { json } = await lab.cowherd<object>([...argv, '--json']);
    assert.equal(document, name === 'Snapshots' ? { ...json, nextCursor: null } : json, path);
  }
  const { json } = await lab.cowherd<{ agents: { lastSnapshot: string }[] }>(['status', '--json']);
  const status = await get<typeof json>(socket, '/v1/status', 'Status');
  assert.equal(
    status.agents.map(({ lastSnapshot }) => lastSnapshot),
    json.agents.map(({ lastSnapshot }) => lastSnapshot),
  );
});

test('what was just taken is there, in pages that hold each once', async ({ lab, socket }) => {
  for (let round = 0; round < 6; round += 1) await take(lab, []);
  const all = (await listed(lab)).map(({ id }) => id);
  assert.is(all.length, 13);
  const pages: string[][] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const path: string = `/v1/snapshots?limit=5${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const page: { snapshots: SnapshotDocument[]; nextCursor: string | null } = await get(
      socket,
      path,
      'Snapshots',
    );
    pages.push(page.snapshots.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  assert.equal(
    pages.map((page) => page.length),
    [5, 5, 3],
  );
  assert.equal(pages.flat(), all);
  const beta = await get<{ snapshots: SnapshotDocument[] }>(
    socket,
    '/v1/snapshots?agent=b*&limit=1000',
    'Snapshots',
  );
  assert.is(beta.snapshots.length, 6);
  assert.ok(beta.snapshots.every(({ agent }) => agent === 'beta'));
});

test('runs, and one of them', async ({ socket }) => {
  const { runs } = await get<{ runs: Run[] }>(socket, '/v1/runs?limit=3', 'Runs');
  assert.is(runs.length, 3);
  assert.ok(runs.every(({ command, outcome }) => command === 'snapshot' && outcome === 'done'));
  const path = `/v1/runs/${encodeURIComponent(runs[1]?.id ?? '')}`;
  assert.equal((await get<{ runs: Run[] }>(socket, path, 'Runs')).runs, [runs[1]]);
});

test('what is not there, and what cannot be asked', async ({ socket }) => {
  for (const [path, status, code, ...args] of [
    ['/v1/agents/gamma', 404, 'AGENT_UNKNOWN'],
    ['/v1/snapshots?agent=gamma', 404, 'AGENT_UNKNOWN'],
    ['/v1/runs/none', 404, 'RUN_UNKNOWN'],
    ['/v2/status', 404, 'USAGE'],
    ['/v1/snapshots?limit=1001', 400, 'USAGE'],
    ['/v1/snapshots?cursor=tomorrow', 400, 'USAGE'],
    ['/v1/status', 404, 'USAGE', '-d', 'x=y'],
    ['/v1/agents/alpha', 404, 'USAGE', '-X', 'DELETE'],
  ] as const) {
    const answer = await curl(socket, path, args);
    const { error } = DOCUMENTS.Error.parse(JSON.parse(answer.body));
    assert.equal([answer.status, error.code], [status, code], path);
  }
});

test('metrics are what Prometheus can read, and say what there is', async ({ lab, socket }) => {
  const { status, body } = await curl(socket, '/metrics');
  assert.is(status, 200);
  const sample =
    /^[a-z_][a-z0-9_]*(\{([a-z_]+="[^"\\]*",?)*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|[+-]Inf)$/i;
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('# '));
  assert.equal(
    lines.filter((line) => !sample.test(line)),
    [],
  );
  const named = new Set([...body.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
  assert.is(named.size, [...body.matchAll(/^# TYPE /gm)].length);
  const [newest] = await listed(lab, ['alpha']);
  const at = Date.parse(newest?.createdAt ?? '') / 1000;
  for (const line of [
    `cowherd_last_snapshot_timestamp_seconds{agent="alpha"} ${at}`,
    'cowherd_restore_points{agent="alpha"} 7',
    'cowherd_restore_points{agent="beta"} 6',
    'cowherd_last_run_outcome{command="snapshot",outcome="done"} 1',
  ])
    assert.ok(lines.includes(line), `${line}\n${body}`);
  assert.match(body, /^cowherd_filesystem_free_bytes\{filesystem="[^"]+"\} [1-9]\d*$/m);
});

test('every route is described', async ({ socket }) => {
  const { body } = await curl(socket, '/openapi.json');
  const { paths } = JSON.parse(body) as { paths: object };
  assert.is(Object.keys(paths).length, ROUTES.length);
});

test('Docker that is gone is 503, and keeps nothing else from being told', async ({
  lab,
  socket,
}) => {
  const gone = lab.writeConfig('gone', {
    api: { socket: join(lab.root, 'gone/api.sock') },
    docker: { socket: join(lab.root, 'no.sock') },
  });
  const { server, said } = await start(gone);
  assert.is(said, 'serving');
  const answer = await curl(join(lab.root, 'gone/api.sock'), '/v1/agents');
  assert.equal([answer.status, JSON.parse(answer.body).error.code], [503, 'DOCKER_UNREACHABLE']);
  assert.is((await curl(join(lab.root, 'gone/api.sock'), '/v1/status')).status, 200);
  await kill(server);
  assert.is((await curl(socket, '/v1/agents')).status, 200);
});

test('a live socket is LOCKED; that of one that was killed is replaced', async (context) => {
  const { config, socket } = context;
  const second = await start(config);
  assert.is(second.said, 'LOCKED');
  assert.is((await curl(socket, '/healthz')).status, 204);
  await kill(context.server);
  assert.ok(existsSync(socket));
  const third = await start(config);
  context.server = third.server;
  assert.is(third.said, 'serving');
  assert.is((await curl(socket, '/healthz')).status, 204);
  assert.equal([modeOf(socket), readdirSync(dirname(socket))], ['600', ['api.sock']]);
});

test.run();
