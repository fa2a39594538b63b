import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import * as assert from 'uvu/assert';
import type { SnapshotsDocument } from '../../src/usecases/snapshots.ts';
import type { Run } from '../../src/model/run.ts';
import { readRuns } from '../../src/state/history.ts';
import { freezerOf, thawedAfter } from '../support/kill/frozen.ts';
import { seededRandom, SOAK } from '../support/kill/random.ts';
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

/** Schedules of 2 s, kills after 3 to 6 s of life. */
const ROUNDS = SOAK ? 60 : 4;
const EVERY_MS = 2_000;

test('killed at random, it goes on where it was: nobody frozen, no occurrence twice, no gap without a word', async (context) => {
  const { lab } = context;
  const random = seededRandom('a daemon is killed');
  const freezer = await freezerOf(lab, 'agent-alpha');
  const births: number[] = [];
  const begin = async () => {
    births.push(Date.now());
    return startDaemon(context, [{ ...EVERY_2S, agents: ['alpha'] }]);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const daemon = await begin();
    await sleep(3_000 + random() * 3_000);
    const killed = performance.now();
    await daemon.end('SIGKILL');
    assert.ok((await thawedAfter([freezer], killed)) < 4_000, 'thawed');
  }
  const last = await begin();
  await sleep(8_000);
  assert.is(await last.end('SIGTERM'), 0);
  const state = await lab.docker(['inspect', '-f', '{{.State.Status}}', 'agent-alpha']);
  assert.is(state, 'running');
  const mine = (await runs(context)).filter(
    ({ command, startedAt, schedule }) =>
      command === 'snapshot' && schedule === 'often' && Date.parse(startedAt) >= (births[0] ?? 0),
  );
  assertNoGap(mine, births);
  const { exitCode } = await lab.cowherd(['recover']);
  assert.is(exitCode, 0);
});

/** Each occurrence was run once, one that was not is said to be skipped, and each life but the shortest has run one. */
function assertNoGap(runsOfOne: readonly Run[], births: readonly number[]): void {
  const at = (run: Run): number => Date.parse(run.occurrence ?? '');
  const ended = (outcome: Run['outcome']) =>
    runsOfOne.filter((run) => run.outcome === outcome).sort((a, b) => at(a) - at(b));
  const done = ended('done').map(at);
  const skipped = ended('skipped').map(at);
  assert.is(new Set(done).size, done.length, `twice: ${done.join(' ')}`);
  assert.ok(done.length >= births.length, `${String(done.length)} runs`);
  for (const [index, later] of done.entries()) {
    const earlier = done[index - 1] ?? later;
    const between = (ms: number): boolean => ms > earlier && ms < later;
    const isSaid = skipped.some(between) || births.some((ms) => ms > earlier && ms <= later);
    const gap = `nothing from ${new Date(earlier).toISOString()} to ${new Date(later).toISOString()}`;
    assert.ok(later - earlier <= EVERY_MS || isSaid, gap);
  }
}

test.run();
