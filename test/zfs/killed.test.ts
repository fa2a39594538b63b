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
  worstThawMs: number;
}

const test = suite<Given>('zfs: kill -9');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const random = seededRandom('kill -9 on ZFS');
  given.subject = { lab, agent: await lab.startAgent({ name: 'alpha' }), random };
  given.checked = new Set();
  given.kills = new Map();
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
    if (killed.killed) given.kills.set(command, (given.kills.get(command) ?? 0) + 1);
    await check(killed);
  } catch (error) {
    const where = `${command} killed ${when} ${killed.last} (${step}, ${String(delayMs)} ms)`;
    throw new Error(`${where}: ${inspect(error)}`, { cause: error });
  }
  return killed;
}

/** The same; recovered, the agent is whole and runs. `check` comes after that. */
async function killAndRecover(
  given: Given,
  request: Instant & { readonly command: Command },
  check: (killed: Killed) => Promise<void> | void = () => undefined,
): Promise<void> {
  const round = [...given.kills.values()].reduce((sum, count) => sum + count, 0);
  await kill(given, request, async (killed) => {
    await recoverBy(given.subject, round);
    await assertRecovered(given.subject);
    await check(killed);
  });
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

/** Killed in one direction, at last to its end. */
async function convert(given: Given, command: 'adopt' | 'unadopt'): Promise<void> {
  const { subject } = given;
  mark(subject, 'mine');
  const before = kindOf(subject);
  const check = (): void => assert.is(markOf(subject), 'mine');
  const same = (): void => {
    check();
    assert.is(kindOf(subject), before);
  };
  await killAndRecover(given, { command, ...within(given, 'stage', 2, 300) }, same);
  await killAndRecover(given, { command, ...at('install', 2) }, same);
  await killAndRecover(given, { command, ...anywhere(given) }, check);
  if (kindOf(subject) === before) await killAndRecover(given, { command, ...NEVER }, check);
  assert.is.not(kindOf(subject), before);
}

test('adopt: the agent is whole on one of the two, and running', async (given) => {
  await convert(given, 'adopt');
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
  const then = await assertUsable(given);
  const instants = [
    at('retire', 2),
    within(given, 'install', 1, 600),
    at('keepRetired', 1),
    anywhere(given),
  ];
  for (const instant of instants) {
    mark(subject, 'now');
    const request = { command: 'rollback', snapshot: then, ...instant } as const;
    await killAndRecover(given, request, ({ killed }) => {
      const allowed = killed ? ['now', 'then'] : ['then'];
      assert.ok(allowed.includes(markOf(subject)), markOf(subject));
    });
  }
});

test('recover: killed again and again, the next one goes on where it was', async (given) => {
  const { lab, agent } = given.subject;
  mark(given.subject, 'then');
  const then = await assertUsable(given);
  mark(given.subject, 'now');
  const rollback = { command: 'rollback', snapshot: then, ...at('install', 2) } as const;
  const recover = { command: 'recover', agent: agent.name } as const;
  await kill(given, rollback, async () => {
    for (const instant of [at('', 1), at('revert', 2), within(given, '', 2, 1_000)]) {
      const { killed } = await runKilled(lab, { ...recover, ...instant });
      if (killed) given.kills.set('recover', (given.kills.get('recover') ?? 0) + 1);
    }
    await recoverBy(given.subject, 0);
    await assertRecovered(given.subject);
    assert.is(markOf(given.subject), 'now');
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
  await convert(given, 'unadopt');
});

test('all of that by kills', ({ kills, worstThawMs }) => {
  const counts = [...kills].map(([command, count]) => `${command} ${String(count)}`);
  console.log(`kills: ${counts.join(', ')}; worst thaw ${worstThawMs.toFixed(0)} ms`);
  assert.is(kills.size, 6);
  assert.ok([...kills.values()].reduce((sum, count) => sum + count, 0) >= 16);
});

test.run();
