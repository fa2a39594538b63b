import * as assert from 'uvu/assert';
import { inspect } from 'node:util';
import type { Manifest } from '../../../src/model/manifest.ts';
import { EMULATED } from '../lab/emulated.ts';
import { freezerOf, thawedAfter } from './frozen.ts';
import { runKilled, type Killed, type KillRequest } from './killed.ts';
import { listedWhole } from './listed.ts';
import { assertRecovered, recoverBy, type Subject } from './subject.ts';

/** `maxFreeze`: the guard's own clock, where the kernel has not told it of the end of its client before. */
const THAW_LIMIT_MS = 3_000;
/** How long after its first change a command is killed, at most. */
export const WINDOW_MS = EMULATED ? 8_000 : 800;

export type Command = KillRequest['command'];
export type Instant = Omit<KillRequest, 'command' | 'agent'>;

export interface Given {
  subject: Subject;
  /** Ids of the restore points that were found whole. */
  checked: Set<string>;
  /** Kills by command; runs that came to their end before are not among them. */
  kills: Map<Command, number>;
  recoveries: number;
  worstThawMs: number;
}

/** Before the n-th change of this name, or up to `withinMs` after it has begun. */
export function at(step: string, n: number): Instant {
  return { step, at: n, when: 'before', delayMs: 0 };
}

export function within({ subject }: Given, step: string, n: number, withinMs: number): Instant {
  const delayMs = Math.floor(subject.random() * withinMs);
  return { step, at: n, when: 'during', delayMs };
}

/** Anywhere in a command. */
export function anywhere(given: Given): Instant {
  return within(given, '', 1, WINDOW_MS);
}

/** Kills a command of a running agent, which is thawed in time then; `check` says what else is to be true. */
export async function kill(
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
export async function killTwice(
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
export async function listed({ subject, checked }: Given): Promise<readonly Manifest[]> {
  const points = await listedWhole(subject.lab, subject.agent, checked);
  return points.map(({ manifest }) => manifest);
}
