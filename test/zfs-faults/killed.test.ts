import * as assert from 'uvu/assert';
import { inspect } from 'node:util';
import type { Manifest } from '../../src/model/manifest.ts';
import { snapshot } from '../../src/usecases/snapshot.ts';
import { labContext } from '../support/context.ts';
import { deadRecords, freezerOf, thawedAfter } from '../support/kill/frozen.ts';
import { runKilled, type Killed, type KillRequest } from '../support/kill/killed.ts';
import { listedWhole } from '../support/kill/listed.ts';
import { seededRandom } from '../support/kill/random.ts';
import {
  assertRecovered,
  kindOf,
  mark,
  markOf,
  NEVER,
  recoverBy,
  type Subject,
} from '../support/kill/subject.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';
import { leftovers } from '../support/store.ts';
import { suite } from '../support/suite.ts';
import { requireZfs } from '../support/zfs/available.ts';

requireZfs();

/** `maxFreeze`: the guard's own clock, where the kernel has not told it of the end of its client before. */
const THAW_LIMIT_MS = 3_000;
/** How long after its first change a command is killed, at most. */
const WINDOW_MS = EMULATED ? 8_000 : 800;

type Command = KillRequest['command'];
type Instant = Omit<KillRequest, 'command' | 'agent'>;

interface Given {
  subject: Subject;
  /** Ids of the restore points that were found whole. */
  checked: Set<string>;
  /** Kills by command; runs that came to their end before are not among them. */
  kills: Map<Command, number>;
  recoveries: number;
  worstThawMs: number;
}

const test = suite<Given>('zfs: kill -9');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const random = seededRandom('kill -9 on ZFS');
  given.subject = { lab, agent: await lab.startAgent({ name: 'alpha' }), random };
  given.checked = new Set();
  given.kills = new Map();
  given.recoveries = 0;
  given.worstThawMs = 0;
});

test.after(async ({ subject }) => subject?.lab.stop());

/** Before the n-th change of this name, or up to `withinMs` after it has begun. */
function at(step: string, n: number): Instant {
  return { step, at: n, when: 'before', delayMs: 0 };
}

function within({ subject }: Given, step: string, n: number, withinMs: number): Instant {
  const delayMs = Math.floor(subject.random() * withinMs);
  return { step, at: n, when: 'during', delayMs };
}

/** Anywhere in a command. */
function anywhere(given: Given): Instant {
  return within(given, '', 1, WINDOW_MS);
}

/** Kills a command of a running agent, which is thawed in time then; `check` says what else is to be true. */
async function kill(
  given: Given,
  request: Instant & { readonly command: Command },
  check: (killed: Killed) => Promise<void>,
): Promise<Killed> {
  const { lab, agent } = given.subject;
  const freezer = await freezerOf(lab, agent.container);
  const killed = await runKilled(lab, { ...request, agent: agent.name });
  const { command, when, delayMs, step = '' } = request;
  try {
    const thawMs = await thawedAfter([freezer], performance.now(), THAW_LIMIT_MS);
    assert.ok(thawMs <= THAW_LIMIT_MS, 'it is still frozen');
    given.worstThawMs = Math.max(given.worstThawMs, thawMs);
    if (killed.killed) count(given, command);
    await check(killed);
  } catch (error) {
    const where = `${command} killed ${when} ${killed.last} (${step}, ${String(delayMs)} ms)`;
    throw new Error(`${where}: ${inspect(error)}`, { cause: error });
  }
  return killed;
}

/** The same, then its recovery is killed too; recovered at last, the agent is whole and runs. `check` comes after that. */
async function killTwice(
  given: Given,
  request: Instant & { readonly command: Command },
  again: Instant,
  check: (killed: Killed) => Promise<void> | void,
): Promise<void> {
  const { lab, agent } = given.subject;
  await kill(given, request, async (killed) => {
    const recover = { command: 'recover', agent: agent.name, ...again } as const;
    if ((await runKilled(lab, recover)).killed) count(given, 'recover');
    await recoverBy(given.subject, given.recoveries);
    given.recoveries += 1;
    await assertRecovered(given.subject);
    // One that died at a moment nobody chose may be on either of the two.
    if (!killed.crashed) await check(killed);
  });
}

function count({ kills }: Given, command: Command): void {
  kills.set(command, (kills.get(command) ?? 0) + 1);
}

/** What is listed, all of it whole. */
async function listed({ subject, checked }: Given): Promise<readonly Manifest[]> {
  const points = await listedWhole(subject.lab, subject.agent, checked);
  return points.map(({ manifest }) => manifest);
}

/** The next run works, and leaves nothing of those before. */
async function assertUsable(given: Given): Promise<string> {
  const { lab, agent } = given.subject;
  const request = { agents: [agent.name], tags: {}, pin: false };
  const { snapshots, failures } = await snapshot(await labContext(lab), request);
  assert.equal(failures, []);
  const [id = ''] = snapshots.map((one) => one.id);
  assert.ok((await listed(given)).some((one) => one.id === id));
  assert.equal(leftovers(lab), []);
  assert.equal(deadRecords([agent.id]), []);
  return id;
}

test('adopt: the agent is whole on one of the two, and running', async (given) => {
  const { subject } = given;
  mark(subject, 'mine');
  const check = (): void => {
    assert.is(markOf(subject), 'mine');
    assert.is(kindOf(subject), 'directory');
  };
  const command = 'adopt';
  await killTwice(given, { command, ...within(given, 'stage', 2, 300) }, at('', 1), check);
  await killTwice(given, { command, ...at('install', 2) }, anywhere(given), check);
  const { report } = await runKilled(subject.lab, { command, agent: subject.agent.name, ...NEVER });
  assert.is(kindOf(subject), 'dataset', JSON.stringify(report));
  await assertRecovered(subject);
});

test('snapshot: thawed in time, whole restore points alone, and the next run works', async (given) => {
  const instants = [
    at('flush', 1),
    at('take', 1),
    within(given, 'take', 1, 400),
    at('finish', 1),
    within(given, 'publish', 1, 600),
    anywhere(given),
  ];
  for (const instant of instants) {
    const before = (await listed(given)).length;
    await kill(given, { command: 'snapshot', ...instant }, async ({ steps, killed, crashed }) => {
      const more = (await listed(given)).length - before;
      const published = steps.some((step) => step.endsWith(' publish'));
      if (!killed) assert.is(more, 1);
      else if (!published && !crashed) assert.is(more, 0);
      else assert.ok(more === 0 || more === 1);
    });
  }
  await assertUsable(given);
});

test('rollback: the agent is whole on one of the two, and running', async (given) => {
  const { subject } = given;
  mark(subject, 'then');
  const command = 'rollback';
  const snapshot = await assertUsable(given);
  mark(subject, 'now');
  const before = { command, snapshot, ...at('install', 2) } as const;
  await killTwice(given, before, at('revert', 2), () => {
    assert.is(markOf(subject), 'now');
  });
  const after = { command, snapshot, ...at('keepRetired', 1) } as const;
  await killTwice(given, after, at('', 1), () => {
    assert.is(markOf(subject), 'then');
  });
  mark(subject, 'now');
  const random = { command, snapshot, ...anywhere(given) } as const;
  await killTwice(given, random, within(given, '', 1, WINDOW_MS / 2), () => {
    assert.ok(['now', 'then'].includes(markOf(subject)), markOf(subject));
  });
});

/** A safety snapshot where there is one, and the oldest others; never the newest. */
function doomed(points: readonly Manifest[]): readonly string[] {
  const byAge = points.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  const safeties = byAge.filter(({ safety }) => safety).slice(0, 1);
  const others = byAge.filter(({ safety }) => !safety).slice(0, -1);
  return [...safeties, ...others].slice(0, 2).map(({ id }) => id);
}

test('prune: what is listed is whole, what was not named is there', async (given) => {
  for (const instant of [at('destroy', 1), within(given, 'destroy', 2, 1_500), anywhere(given)]) {
    const before = await listed(given);
    const named = doomed(before);
    assert.is(named.length, 2);
    const request = { command: 'prune', snapshot: named.join(','), ...instant } as const;
    await kill(given, request, async () => {
      const left = (await listed(given)).map(({ id }) => id);
      const kept = before.map(({ id }) => id).filter((id) => !named.includes(id));
      assert.equal(left.filter((id) => !named.includes(id)).sort(), kept.sort());
    });
  }
  await assertUsable(given);
});

test('unadopt: the agent is whole on one of the two, and running', async (given) => {
  const { subject } = given;
  mark(subject, 'mine');
  await killTwice(given, { command: 'unadopt', ...at('retire', 2) }, anywhere(given), () => {
    assert.is(markOf(subject), 'mine');
  });
});

test('all of that by kills', ({ kills, worstThawMs }) => {
  const counts = [...kills].map(([command, times]) => `${command} ${String(times)}`);
  console.log(`kills: ${counts.join(', ')}; worst thaw ${worstThawMs.toFixed(0)} ms`);
  assert.is(kills.size, 6);
  assert.ok([...kills.values()].reduce((sum, times) => sum + times, 0) >= 14);
});

test.run();
