import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Cgroup } from '../../src/quiesce/cgroup-path.ts';
import { CowherdError } from '../../src/model/errors.ts';
import { bracket, type BracketRequest } from '../../src/quiesce/bracket.ts';
import { resolveCgroup } from '../../src/quiesce/cgroup.ts';
import { isFrozen, startFreeze, tryThaw } from '../../src/quiesce/freezer.ts';
import { createGuard, type Guard } from '../../src/quiesce/guard.ts';
import type { ContainerPort } from '../../src/quiesce/port.ts';
import { writeRecord } from '../../src/quiesce/records.ts';
import { thawRecorded } from '../../src/quiesce/thaw-recorded.ts';
import { dockerPort } from '../support/freeze/port.ts';
import { startClient } from '../support/freeze/run-client.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { until } from '../support/lab/run.ts';

requireLab();

interface Context {
  lab: Lab;
  port: ContainerPort;
  guard: Guard;
  runtimeDir: string;
  id: string;
  cgroup: Cgroup;
  state: () => Promise<string | undefined>;
}

const docker = suite<Context>('freeze: real containers');

docker.before(async (context) => {
  context.lab = await startLab({ agents: ['alpha'] });
  context.port = await dockerPort(context.lab.socket);
  context.guard = createGuard();
  context.runtimeDir = mkdtempSync(join(tmpdir(), 'freeze-'));
  context.id = await context.lab.docker(['inspect', '--format', '{{.Id}}', 'agent-alpha']);
  context.state = async () => (await context.port.inspect(context.id))?.state;
});
docker.before.each(async (context) => {
  const pid = (await context.port.inspect(context.id))?.pid ?? 0;
  const answer = resolveCgroup({ containerId: context.id, pid, protectedPids: [] });
  if ('refused' in answer) throw new Error(answer.refused);
  context.cgroup = answer.cgroup;
});
docker.after.each(async ({ state, cgroup, runtimeDir }) => {
  assert.is(await state(), 'running');
  assert.not.ok(isFrozen(cgroup));
  assert.equal(readRecords(runtimeDir), []);
});
docker.after(async ({ lab, guard, runtimeDir }) => {
  guard.close();
  await lab.stop();
  rmSync(runtimeDir, { recursive: true });
});

docker('auto freezes by the cgroup, of which Docker knows nothing', async (context) => {
  const capture = async () => ({ frozen: isFrozen(context.cgroup), state: await context.state() });
  const { value, frozenMs } = await bracket(request(context, { capture }));
  assert.equal(value, { frozen: true, state: 'running' });
  assert.ok(frozenMs < 1_000);
});

docker('pause asks Docker, for the freeze and for the thaw', async (context) => {
  const capture = async () => ({ frozen: isFrozen(context.cgroup), state: await context.state() });
  const { value } = await bracket(request(context, { mode: 'pause', capture }));
  assert.equal(value, { frozen: true, state: 'paused' });
});

docker('a container that its owner has paused stays paused', async (context) => {
  await context.port.pause(context.id);
  for (const mode of ['auto', 'pause'] as const) {
    const { frozenMs } = await bracket(
      request(context, { mode, capture: () => Promise.resolve() }),
    );
    assert.is(frozenMs, 0);
    assert.is(await context.state(), 'paused');
  }
  await context.port.unpause(context.id);
});

docker('a restart during the capture spoils it', async (context) => {
  const capture = () => context.lab.docker(['restart', '--time', '0', 'agent-alpha']);
  const spoilt = bracket(request(context, { maxFreezeMs: 20_000, capture }));
  assert.is(await codeOf(spoilt), 'CAPTURE_INVALIDATED');
});

docker('docker unpause during the capture spoils it', async (context) => {
  const capture = () => context.port.unpause(context.id);
  assert.is(
    await codeOf(bracket(request(context, { mode: 'pause', capture }))),
    'CAPTURE_INVALIDATED',
  );
});

docker(
  'the guard unpauses what a killed client had paused',
  async ({ id, port, lab, ...context }) => {
    const pid = (await port.inspect(id))?.pid ?? 0;
    const container = { id, name: 'agent-alpha', pid };
    const { runtimeDir } = context;
    const options = { runtimeDir, maxFreezeMs: 20_000, socket: lab.socket };
    const client = await startClient(container, options);
    assert.is(await context.state(), 'paused');
    client.process.kill('SIGKILL');
    await client.ended();
    await until('unpaused', async () => (await context.state()) === 'running', { everyMs: 10 });
    await until('no record', () => readRecords(runtimeDir).length === 0, { everyMs: 10 });
  },
);

docker('what the client cannot unpause the guard takes over', async (context) => {
  const unpause = () => Promise.reject(new CowherdError('DOCKER_UNREACHABLE', 'not now'));
  const port = { ...context.port, unpause };
  const capture = () => Promise.resolve();
  const failed = bracket(request({ ...context, port }, { mode: 'pause', capture }));
  assert.is(await codeOf(failed), 'IO_ERROR');
  await until('unpaused', async () => (await context.state()) === 'running', { everyMs: 10 });
  await until('no record', () => readRecords(context.runtimeDir).length === 0, { everyMs: 10 });
});

docker('thaw mends a pause whose cgroup was thawed behind the back of Docker', async (context) => {
  const { id, port, cgroup, runtimeDir } = context;
  await port.pause(id);
  tryThaw(cgroup);
  const file = recordOf(context, 'pause');
  const { results } = await thawRecorded({ runtimeDir, liveOwners: 'too', port });
  assert.is(results[0]?.outcome, 'thawed');
  rmSync(file);
});

docker('thaw leaves alone what its owner paused after our freeze had ended', async (context) => {
  const { id, port, runtimeDir } = context;
  const file = recordOf(context, 'cgroup');
  await port.pause(id);
  const { results } = await thawRecorded({ runtimeDir, liveOwners: 'too', port });
  assert.is(results[0]?.outcome, 'owner-paused');
  assert.is(await context.state(), 'paused');
  await port.unpause(id);
  rmSync(file);
});

docker('thaw needs no Docker for a cgroup', async (context) => {
  const file = recordOf(context, 'cgroup');
  startFreeze(context.cgroup);
  const { runtimeDir } = context;
  const { results } = await thawRecorded({ runtimeDir, liveOwners: 'too', port: null });
  assert.is(results[0]?.outcome, 'thawed');
  rmSync(file);
});

function recordOf({ id, cgroup, runtimeDir, lab }: Context, method: 'cgroup' | 'pause'): string {
  const targets = [{ containerId: id, name: 'agent-alpha', method, cgroup }];
  const createdAt = '2026-11-22T11:05:03.123Z';
  return writeRecord({ runtimeDir, id: 'test', socket: lab.socket, createdAt, targets });
}

function request<T>(
  { id, port, guard, runtimeDir }: Context,
  more: Pick<BracketRequest<T>, 'capture'> & Partial<BracketRequest<T>>,
): BracketRequest<T> {
  return {
    containers: [{ id, name: 'agent-alpha' }],
    ...{ mode: 'auto', maxFreezeMs: 3_000, port, guard, runtimeDir },
    flush: () => Promise.resolve(),
    now: () => performance.timeOrigin + performance.now(),
    ...more,
  };
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  return error instanceof CowherdError ? error.code : error;
}

function readRecords(runtimeDir: string): string[] {
  const directory = join(runtimeDir, 'frozen');
  return existsSync(directory) ? readdirSync(directory) : [];
}

docker.run();
