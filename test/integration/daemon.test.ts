import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import * as assert from 'uvu/assert';
import type { SnapshotsDocument } from '../../src/usecases/snapshots.ts';
import { readRuns } from '../../src/state/history.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { until } from '../support/lab/run.ts';
import { suite } from '../support/suite.ts';

interface Daemon {
  readonly child: ChildProcess;
  /** All it has said. */
  readonly said: () => string;
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

const test = suite<{ lab: Lab; daemons: Daemon[] }>('the daemon', {
  lab: null as never,
  daemons: [],
});

test.before(async (context) => {
  context.lab = await startLab({ agents: ['alpha'] });
});
test.after.each(async ({ daemons }) => {
  for (const { child, end } of daemons.splice(0)) if (!hasEnded(child)) await end('SIGKILL');
});
test.after(async ({ lab }) => lab.stop());

const EVERY_2S = {
  name: 'often',
  cron: '*/2 * * * * *',
  agents: ['*'],
  run: ['snapshot', 'prune'],
};
const NEVER = { ...EVERY_2S, cron: '0 0 1 1 *' };

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

async function startDaemon(
  { lab, daemons }: { lab: Lab; daemons: Daemon[] },
  schedules: readonly object[],
): Promise<Daemon> {
  const config = lab.writeConfig('daemon', { schedules, retention: { last: 5 } });
  const child = lab.spawnCowherd(['daemon'], config);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const daemon: Daemon = {
    child,
    said: () => text,
    end: async (signal) => {
      if (hasEnded(child)) throw new Error(`it ended by itself: ${text}`);
      const ended = once(child, 'exit') as Promise<[number | null]>;
      child.kill(signal);
      return (await ended)[0];
    },
  };
  daemons.push(daemon);
  await until('the daemon is ready', async () => {
    if (hasEnded(child)) throw new Error(text);
    return text.includes('ready:');
  });
  return daemon;
}

async function points({ lab }: { lab: Lab }, agent = 'alpha') {
  const { json } = await lab.cowherd<SnapshotsDocument>(['snapshots', agent, '--json']);
  return json.snapshots;
}

const runs = async ({ lab }: { lab: Lab }) => readRuns({ state: lab.state });

test('takes and prunes by schedule; SIGTERM ends it with 0, and nothing of it stays frozen', async (context) => {
  const daemon = await startDaemon(context, [EVERY_2S]);
  await until('four runs', async () => {
    const done = (await runs(context)).filter(
      ({ command, outcome }) => command === 'prune' && outcome === 'done',
    );
    return done.length >= 4;
  });
  const asked = performance.now();
  assert.is(await daemon.end('SIGTERM'), 0, daemon.said());
  assert.ok(performance.now() - asked < 5_000);
  const taken = (await runs(context)).filter(({ command }) => command === 'snapshot');
  const scheduled = taken.filter(({ trigger }) => trigger === 'schedule');
  const occurrences = scheduled.map(({ occurrence }) => occurrence);
  assert.is(new Set(occurrences).size, occurrences.length, 'no occurrence ran twice');
  for (const { schedule, failures, filesystems } of scheduled.filter(
    ({ outcome }) => outcome === 'done',
  )) {
    assert.is(schedule, 'often');
    assert.equal(failures, []);
    assert.is(filesystems.length, 1);
  }
  assert.ok((await points(context)).length <= 6);
  assert.is((await points(context))[0]?.tags['schedule'], 'often');
});

test('a second daemon is refused', async (context) => {
  await startDaemon(context, [NEVER]);
  const { exitCode, stderr } = await context.lab.cowherd(['daemon']);
  assert.is(exitCode, 4);
  assert.match(stderr, 'LOCKED');
});

test('SIGHUP reads the config anew, and keeps the old one where the new is no good', async (context) => {
  const daemon = await startDaemon(context, [NEVER]);
  context.lab.writeConfig('daemon', { schedules: [{ ...EVERY_2S, cron: 'nonsense' }] });
  daemon.child.kill('SIGHUP');
  await until('the refusal', async () => daemon.said().includes('CONFIG_INVALID'));
  context.lab.writeConfig('daemon', { schedules: [{ ...EVERY_2S, name: 'again' }] });
  daemon.child.kill('SIGHUP');
  await until('a run of the new schedule', async () =>
    (await runs(context)).some(({ schedule }) => schedule === 'again'),
  );
  assert.is(await daemon.end('SIGTERM'), 0);
});

test('a new agent has its first restore point within seconds', async (context) => {
  await startDaemon(context, [NEVER]);
  await sleep(1_500);
  await context.lab.startAgent({ name: 'beta' });
  await until('a restore point', async () => (await points(context, 'beta')).length === 1);
  assert.equal((await points(context, 'beta'))[0]?.tags, { cause: 'new-agent' });
});

test('where a container is removed, a restore point is taken first', async (context) => {
  const { lab } = context;
  const [before] = await points(context, 'beta');
  await until(
    'a minute has passed since the last',
    async () => Date.now() - Date.parse(before?.createdAt ?? '') > 60_000,
    { timeoutMs: 70_000 },
  );
  await startDaemon(context, [NEVER]);
  await sleep(2_000);
  await lab.docker(['rm', '-f', 'agent-beta']);
  await until('its restore point', async () => (await points(context, 'beta')).length === 2);
  assert.equal((await points(context, 'beta'))[0]?.tags, { cause: 'container-removed' });
});

test('where an agent gets a container of another image, a restore point is taken', async (context) => {
  const { lab } = context;
  const [before] = await points(context);
  await until(
    'a minute has passed since the last',
    async () => Date.now() - Date.parse(before?.createdAt ?? '') > 60_000,
    { timeoutMs: 70_000 },
  );
  await lab.docker(['commit', '--pause=false', 'agent-alpha', 'another-image']);
  const daemon = await startDaemon(context, [NEVER]);
  await sleep(2_000);
  const mount = ['-v', 'agent-alpha-workspace:/home/developer', '--network', 'none'];
  const labels = ['--label', 'trinity.platform=agent', '--label', 'trinity.agent-name=alpha'];
  const run = ['run', '-d', '--name', 'agent-alpha-2', ...labels, ...mount];
  await lab.docker([...run, 'another-image', 'sleep', '600']);
  await until('its restore point', async () => (await points(context))[0]?.id !== before?.id);
  assert.equal((await points(context))[0]?.tags, { cause: 'image-changed' });
  assert.is(await daemon.end('SIGTERM'), 0);
  await lab.docker(['rm', '-f', 'agent-alpha-2']);
});

test('killed at random, it goes on where it was: no occurrence twice, no gap beyond one interval', async (context) => {
  const { lab } = context;
  const from = Date.now();
  for (let round = 0; round < 4; round += 1) {
    const daemon = await startDaemon(context, [{ ...EVERY_2S, agents: ['alpha'] }]);
    await sleep(3_000 + Math.random() * 3_000);
    await daemon.end('SIGKILL');
  }
  const last = await startDaemon(context, [{ ...EVERY_2S, agents: ['alpha'] }]);
  await sleep(8_000);
  assert.is(await last.end('SIGTERM'), 0);
  const state = await lab.docker(['inspect', '-f', '{{.State.Status}}', 'agent-alpha']);
  assert.is(state, 'running');
  const mine = (await runs(context)).filter(
    ({ command, startedAt }) => command === 'snapshot' && Date.parse(startedAt) >= from,
  );
  const done = mine.filter(({ outcome }) => outcome === 'done').map(({ occurrence }) => occurrence);
  assert.is(new Set(done).size, done.length, `twice: ${done.join(' ')}`);
  assert.ok(done.length >= 3, `${String(done.length)} runs`);
  const { exitCode } = await lab.cowherd(['recover']);
  assert.is(exitCode, 0);
});

test.run();
