import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as assert from 'uvu/assert';
import { recover } from '../../../src/usecases/recover.ts';
import { labContext } from '../context.ts';
import { offData, stateOf } from '../cycle/containers.ts';
import { ROLES, type Agent } from '../lab/agent.ts';
import { EMULATED, isEmulatorsCrash } from '../lab/emulated.ts';
import { isIsolated } from '../lab/isolated.ts';
import type { Lab } from '../lab/lab.ts';
import { capturesPlain } from '../lab/record.ts';
import { must, until } from '../lab/run.ts';
import { runKilled, type Killed, type KillRequest } from './killed.ts';
import { pick, SOAK, type Random } from './random.ts';
import { beside, leftovers } from '../store.ts';
import { markers } from './whole.ts';

/** An agent whose transactions are killed. */
export interface Subject {
  readonly lab: Lab;
  readonly agent: Agent;
  readonly random: Random;
}

/** How many instants of a command are tried where not all are. */
const FEW = EMULATED ? 4 : 20;

/** When a process kills itself. */
export type Instant = Pick<KillRequest, 'at' | 'when' | 'delayMs'>;

/** Never: the command comes to its end. */
export const NEVER: Instant = { at: 0, when: 'before', delayMs: 0 };

/** Writes the same word into each volume. */
export function mark({ agent }: Subject, word: string): void {
  for (const role of ROLES) writeFileSync(join(agent.path(role), 'state'), word);
}

/** The word that all volumes hold; fails when they are not one state. */
export function markOf({ agent }: Subject): string {
  const [first = '', ...others] = markers(agent);
  assert.equal(others, [first, first], 'the volumes are of two states');
  return first;
}

/** `dataset` or `directory`, of all volumes; fails when they differ. */
export function kindOf({ lab, agent }: Subject): 'dataset' | 'directory' {
  const isolated = ROLES.map((role) => isIsolated(lab, agent.path(role)));
  assert.is(new Set(isolated).size, 1, 'only some volumes are isolated');
  return isolated[0] === true ? 'dataset' : 'directory';
}

/** Whole, running, on the data in place, and nothing of a transaction left. */
export async function assertRecovered(subject: Subject): Promise<void> {
  const { lab, agent } = subject;
  assert.equal(leftovers(lab), []);
  assert.equal(beside(lab, agent.name), []);
  assert.is(await stateOf(lab, agent.container), 'running', 'the state of its container');
  assert.equal(await offData(lab, agent), [], 'not in place');
  markOf(subject);
  kindOf(subject);
  await assertWrites(agent);
}

async function assertWrites(agent: Agent): Promise<void> {
  const before = agent.seq().public;
  await until('the agent writes', () => agent.seq().public > before);
  const database = join(agent.path('workspace'), 'data/agent.db');
  const argv = ['sqlite3', '-batch', '-cmd', '.timeout 5000', database, 'PRAGMA integrity_check'];
  assert.is(await must(argv), 'ok');
}

/** Recovers without the state directory: by a recovery of ours, by the command for it, or by another one that needs the locks. */
export async function recoverBy(subject: Subject, round: number): Promise<void> {
  const { lab, agent } = subject;
  rmSync(lab.state, { recursive: true, force: true });
  if (round % 2 === 0) {
    assert.equal((await recover(await labContext(lab))).failures, []);
    return;
  }
  const snapshots = round % 4 === 1;
  const command = snapshots ? ['snapshot', agent.name] : ['recover'];
  const { exitCode, stdout, stderr } = await lab.cowherd([...command, '--json']);
  if (isEmulatorsCrash(exitCode)) return recoverBy(subject, round);
  // One that is on plain directories again cannot be captured everywhere: then recovery is all that was done.
  const expected = snapshots && !isCapturable(subject) ? 1 : 0;
  assert.is(exitCode, expected, `${String(exitCode)} ${stdout}${stderr}`);
}

function isCapturable(subject: Subject): boolean {
  return capturesPlain(subject.lab.filesystem) || kindOf(subject) === 'dataset';
}

/**
 * Where to kill a command that takes these steps: in a soak before each, and at moments within each. In CI at about {@link FEW} of these, spread
 * by chance; the first step of each name among them, unless the machine is emulated.
 */
export function instants(steps: readonly string[], random: Random): readonly Instant[] {
  const all = allInstants(steps, random);
  if (SOAK || all.length <= FEW) return all;
  const first = (name: string | undefined) => steps.findIndex((step) => nameOf(step) === name) + 1;
  const isFirst = ({ at, when }: Instant) =>
    when === 'before' && first(nameOf(steps[at - 1])) === at;
  const due = EMULATED ? [] : all.filter(isFirst);
  const others = all.filter((instant) => !due.includes(instant));
  const chosen = new Set([...due, ...spread(others, Math.max(FEW - due.length, FEW / 4), random)]);
  return all.filter((instant) => chosen.has(instant));
}

/** So many of them, one by chance of each stretch. */
function spread<T>(of: readonly T[], count: number, random: Random): readonly T[] {
  const every = of.length / count;
  const offset = random();
  return of.filter(
    (_, index) => Math.floor(index / every + offset) > Math.floor((index - 1) / every + offset),
  );
}

const nameOf = (step: string | undefined): string | undefined => step?.split(' ')[1];

function allInstants(steps: readonly string[], random: Random): readonly Instant[] {
  const name = (index: number) => nameOf(steps[index]);
  return steps.flatMap((_, index) => {
    const inRow = name(index - 1) === name(index) && name(index) === name(index + 1);
    if (inRow && !SOAK) return [];
    const within = SOAK ? [0, 2, 5, 10, 20] : random() < 0.15 ? [pick(random, [0, 2, 5, 10])] : [];
    const during = within.map((delayMs) => ({ at: index + 1, when: 'during' as const, delayMs }));
    return [{ at: index + 1, when: 'before' as const, delayMs: 0 }, ...during];
  });
}

/** Kills a command at one instant and recovers; says the round that went wrong. */
export async function killAndRecover(
  subject: Subject,
  request: Omit<KillRequest, 'agent'>,
  check: (killed: Killed) => Promise<void> | void = () => undefined,
): Promise<Killed> {
  const killed = await runKilled(subject.lab, { ...request, agent: subject.agent.name });
  const { command, when, delayMs } = request;
  try {
    await recoverBy(subject, killed.killed ? request.at : 0);
    await assertRecovered(subject);
    await check(killed);
  } catch (error) {
    const where = `${command} killed ${when} ${killed.last} (${String(delayMs)} ms)`;
    throw new Error(`${where}: ${inspect(error)}`, { cause: error });
  }
  return killed;
}
