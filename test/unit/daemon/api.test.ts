import type { FastifyInstance } from 'fastify';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { buildApi } from '../../../src/daemon/api.ts';
import { DOCUMENTS, type DocumentName } from '../../../src/daemon/api-schemas.ts';
import { ROUTES } from '../../../src/daemon/routes.ts';
import { CowherdError, type ErrorCode } from '../../../src/model/errors.ts';
import type { Run } from '../../../src/model/run.ts';
import { appendRun } from '../../../src/state/history.ts';
import { bareHost, type Bare } from '../../support/api/context.ts';

interface Served {
  host: Bare;
  app: FastifyInstance;
  told: string[];
}

const test = suite<Served>('api');

test.before.each(async (context) => {
  context.host = await bareHost();
  context.told = [];
  context.app = await buildApi({
    context: context.host.context,
    version: '1.2.3',
    tell: (line) => context.told.push(line),
  });
});
test.after.each(async ({ host, app }) => {
  await app.close();
  host.remove();
});

const runOf = (nth: number, over: Partial<Run> = {}): Run => ({
  id: `run-${nth}`,
  command: 'snapshot',
  trigger: 'schedule',
  schedule: 'often',
  occurrence: '2026-11-22T11:00:00.000Z',
  event: null,
  startedAt: new Date(Date.UTC(2026, 10, 22, 11, 0, nth)).toISOString(),
  endedAt: null,
  outcome: 'done',
  reason: null,
  snapshots: [],
  destroyed: 0,
  frozenMs: null,
  failures: [],
  filesystems: [],
  ...over,
});

async function record(host: Bare, runs: readonly Run[]): Promise<void> {
  const { config, runtimeDir, ticks } = await host.context();
  for (const run of runs) await appendRun({ state: config.state, runtimeDir, ticks }, run);
}

/** A document that fits its schema. */
async function get<T>(app: FastifyInstance, url: string, name: DocumentName): Promise<T> {
  const response = await app.inject(url);
  assert.is(response.statusCode, name === 'Error' ? response.statusCode : 200, response.body);
  assert.is(response.headers['content-type'], 'application/json; charset=utf-8');
  const parsed = DOCUMENTS[name].safeParse(response.json());
  assert.ok(parsed.success, parsed.error?.message);
  return response.json<T>();
}

async function refused(app: FastifyInstance, url: string): Promise<[number, ErrorCode]> {
  const { error } = await get<{ error: { code: ErrorCode } }>(app, url, 'Error');
  return [(await app.inject(url)).statusCode, error.code];
}

test('health has no content, and asks nothing of the host', async ({ app }) => {
  const { statusCode, body } = await app.inject('/healthz');
  assert.equal([statusCode, body], [204, '']);
});

test('the documents of an empty host', async ({ app }) => {
  assert.equal(await get(app, '/v1/agents', 'Agents'), { agents: [], failures: [] });
  assert.equal(await get(app, '/v1/snapshots', 'Snapshots'), {
    snapshots: [],
    failures: [],
    nextCursor: null,
  });
  assert.equal(await get(app, '/v1/runs', 'Runs'), { runs: [], nextCursor: null });
  assert.equal((await get<{ agents: [] }>(app, '/v1/status', 'Status')).agents, []);
});

test('runs in pages, newest first, and one by its id', async ({ host, app }) => {
  await record(
    host,
    [2, 0, 4, 1, 3].map((nth) => runOf(nth)),
  );
  const ids: string[][] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const url: string = `/v1/runs?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const page: { runs: Run[]; nextCursor: string | null } = await get(app, url, 'Runs');
    ids.push(page.runs.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  assert.equal(ids, [['run-4', 'run-3'], ['run-2', 'run-1'], ['run-0']]);
  assert.equal(await get(app, '/v1/runs/run-3', 'Runs'), { runs: [runOf(3)], nextCursor: null });
});

test('a hundred of a list where nobody says how many', async ({ host, app }) => {
  await record(
    host,
    Array.from({ length: 101 }, (_, nth) => runOf(nth)),
  );
  assert.is((await get<{ runs: [] }>(app, '/v1/runs', 'Runs')).runs.length, 100);
  assert.is((await get<{ runs: [] }>(app, '/v1/runs?limit=1000', 'Runs')).runs.length, 101);
});

test('what is asked wrongly is USAGE', async ({ app }) => {
  const queries = ['limit=0', 'limit=1001', 'limit=x', 'limit=', 'limit=1e2', 'limit=-1'];
  queries.push('cursor=x', 'cursor=', 'limit=1&limit=2', 'limti=1', `cursor=${'a'.repeat(2000)}`);
  for (const path of ['/v1/runs', '/v1/snapshots'])
    for (const query of queries)
      assert.equal(await refused(app, `${path}?${query}`), [400, 'USAGE'], `${path}?${query}`);
  assert.equal(await refused(app, '/v1/status?verbose=1'), [400, 'USAGE']);
  assert.equal(await refused(app, '/v1/agents/%ff'), [400, 'USAGE']);
  assert.equal(await refused(app, '/v1/snapshots?agent='), [400, 'USAGE']);
});

test('what is unknown is not found', async ({ app }) => {
  assert.equal(await refused(app, '/v1/agents/nobody'), [404, 'AGENT_UNKNOWN']);
  assert.equal(await refused(app, '/v1/agents/n*'), [404, 'AGENT_UNKNOWN']);
  assert.equal(await refused(app, '/v1/snapshots?agent=nobody'), [404, 'AGENT_UNKNOWN']);
  assert.equal(await refused(app, '/v1/runs/none'), [404, 'RUN_UNKNOWN']);
  assert.equal(await refused(app, '/v1/nothing'), [404, 'USAGE']);
  assert.equal(await refused(app, '/'), [404, 'USAGE']);
  assert.equal(await refused(app, `/v1/agents/${'a'.repeat(600)}`), [414, 'USAGE']);
});

test('a name of 128 bytes that holds percent signs is asked for as it is', async ({ app }) => {
  const name = `${'%00'.repeat(42)}aa`;
  const response = await app.inject(`/v1/agents/${encodeURIComponent(name)}`);
  assert.match(response.json().error.message, name);
});

test('nothing can be written, whatever is sent', async ({ app }) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const)
    for (const url of ['/v1/status', '/v1/agents/alpha', '/metrics']) {
      const payload = 'x'.repeat(100_000);
      const headers = { 'content-type': 'application/x-strange' };
      const { statusCode, body } = await app.inject({ method, url, payload, headers });
      assert.equal([statusCode, JSON.parse(body).error.code], [404, 'USAGE'], `${method} ${url}`);
    }
});

test('what keeps a document from being made has the status of its code', async ({ host }) => {
  const cases: [Error, number, ErrorCode][] = [
    [new CowherdError('DOCKER_UNREACHABLE', 'gone'), 503, 'DOCKER_UNREACHABLE'],
    [new CowherdError('NO_SPACE', 'full'), 507, 'NO_SPACE'],
    [new CowherdError('LOCKED', 'held'), 409, 'LOCKED'],
    [new TypeError('a defect'), 500, 'INTERNAL'],
  ];
  for (const [error, status, code] of cases) {
    const told: string[] = [];
    const app = await buildApi({
      context: async () => ({ ...(await host.context()), mounts: () => Promise.reject(error) }),
      version: '1.2.3',
      tell: (line) => told.push(line),
    });
    assert.equal(await refused(app, '/v1/agents'), [status, code]);
    assert.is(told.length, code === 'INTERNAL' ? 2 : 0);
    await app.close();
  }
});

test('those who ask for the same at once have it made once', async ({ host }) => {
  let made = 0;
  const context = async () => {
    made += 1;
    return host.context();
  };
  const app = await buildApi({ context, version: '1.2.3', tell: () => undefined });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => app.inject('/v1/snapshots?limit=1')),
  );
  assert.ok(answers.every(({ statusCode }) => statusCode === 200));
  assert.is(made, 1);
  await app.inject('/v1/snapshots?limit=1');
  assert.is(made, 2);
  await app.close();
});

test('every route is described, and every document that is referred to', async ({ app }) => {
  const response = await app.inject('/openapi.json');
  const { openapi, info, paths, components } = response.json();
  assert.equal([openapi, info.version], ['3.1.0', '1.2.3']);
  assert.equal(
    Object.keys(paths),
    ROUTES.map(({ path }) => path.replaceAll(/:(\w+)/g, '{$1}')),
  );
  for (const { path } of ROUTES) assert.ok(app.hasRoute({ method: 'GET', url: path }), path);
  const listed = app.printRoutes({ commonPrefix: false }).match(/\(GET/g);
  assert.is(listed?.length, ROUTES.length);
  const references = [...response.body.matchAll(/#\/components\/schemas\/(\w+)/g)];
  assert.ok(references.length > ROUTES.length);
  for (const [, name = ''] of references) assert.ok(name in components.schemas, name);
  const { parameters } = paths['/v1/snapshots'].get;
  assert.equal(
    parameters.map(({ name }: { name: string }) => name),
    ['agent', 'limit', 'cursor'],
  );
  assert.equal(parameters[1].schema.maximum, 1000);
  assert.is(paths['/v1/runs/{id}'].get.parameters[0].in, 'path');
  assert.ok('nextCursor' in components.schemas.Snapshots.properties);
});

test('metrics tell how the newest run of each command came out', async ({ host, app }) => {
  await record(host, [
    runOf(1, { outcome: 'failed' }),
    runOf(2, { outcome: 'done' }),
    runOf(3, { command: 'prune', outcome: 'partly' }),
  ]);
  const { headers, body } = await app.inject('/metrics');
  assert.match(String(headers['content-type']), 'text/plain; version=0.0.4');
  const lines = body.split('\n').filter((line) => /^cowherd_last_run_outcome.* 1$/.test(line));
  assert.equal(lines, [
    'cowherd_last_run_outcome{command="prune",outcome="partly"} 1',
    'cowherd_last_run_outcome{command="snapshot",outcome="done"} 1',
  ]);
  assert.match(body, /^cowherd_build_info\{version="1\.2\.3"\} 1$/m);
  assert.match(body, /^process_resident_memory_bytes \d+$/m);
});

test.run();
