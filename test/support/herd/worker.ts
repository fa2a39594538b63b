import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { pick, type Random } from '../kill/random.ts';
import { EMULATED, isEmulatorsCrash } from '../lab/emulated.ts';
import type { Lab } from '../lab/lab.ts';
import { NAMES, readImages } from './herd.ts';
import type { Command, Ended, Said, Verb } from './history.ts';
import { madeBy } from './points.ts';
import type { Marks } from './marks.ts';

/** What the herd's workers have in common. */
export interface Work {
  readonly lab: Lab;
  readonly random: Random;
  readonly history: Ended[];
  readonly images: Map<string, Marks>;
}

const SLOWER = EMULATED ? 10 : 1;
const WAIT_MS = 20_000 * SLOWER;
const KILL_WITHIN_MS = 3_000 * SLOWER;
const KILLS = 0.08;
/** By how often they come. */
const VERBS: readonly Verb[] = [
  ...(['snapshot', 'snapshot', 'snapshot', 'rollback', 'rollback', 'rollback'] as const),
  ...(['prune', 'prune', 'pin', 'unpin', 'recover', 'snapshots'] as const),
];

/** Runs one command after the other until that is enough. */
export async function work(the: Work, isEnough: () => boolean): Promise<void> {
  while (!isEnough()) {
    const command = chosen(the);
    if (command.verb === 'rollback' && command.id !== null)
      await readImages(the.lab, the.images, command.id);
    const killAfterMs = the.random() < KILLS ? the.random() * KILL_WITHIN_MS : null;
    the.history.push(await runOne(the.lab, command, killAfterMs));
  }
}

/** Runs one command; with a time to its end by SIGKILL. */
export async function runOne(
  lab: Lab,
  command: Command,
  killAfterMs: number | null = null,
): Promise<Ended> {
  const beganAt = Date.now();
  const { exitCode, stdout } = await ended(lab.spawnCowherd(argvOf(command)), killAfterMs);
  const killed = exitCode === 128 + constants.signals.SIGKILL || isEmulatorsCrash(exitCode);
  const said = killed ? {} : (JSON.parse(stdout) as Said);
  return { ...command, beganAt, endedAt: Date.now(), killed, exitCode, said };
}

async function ended(
  child: ChildProcess,
  killAfterMs: number | null,
): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.resume();
  const timer = killAfterMs === null ? null : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (timer !== null) clearTimeout(timer);
  if (child.stdout?.readableEnded === false) await once(child.stdout, 'end');
  const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  return { exitCode, stdout: Buffer.concat(chunks).toString() };
}

function chosen({ random, history }: Work): Command {
  const verb = pick(random, VERBS);
  const waitMs = random() < 0.5 ? WAIT_MS : 0;
  const any = { verb, agents: [], id: null, pin: false, waitMs };
  if (verb === 'snapshot') {
    const agents = random() < 0.2 ? [] : [pick(random, NAMES)];
    return { ...any, agents, pin: random() < 0.2 };
  }
  if (verb === 'recover' || verb === 'snapshots') return any;
  const id = pick(random, known(history));
  const agents = id.split('@').slice(0, 1);
  return verb === 'rollback' && random() < 0.4 ? { ...any, agents } : { ...any, agents, id };
}

/** Ids that were told so far; some of them are gone by now. */
function known(history: readonly Ended[]): readonly string[] {
  return [...new Set(history.flatMap((one) => madeBy(one).map(({ id }) => id)))].slice(-40);
}

/** As it is typed. */
export function argvOf({ verb, agents, id, pin, waitMs }: Command): readonly string[] {
  const wait = waitMs > 0 ? ['--wait', `${String(waitMs)}ms`] : [];
  return ['--json', ...wait, ...words()];

  function words(): readonly string[] {
    switch (verb) {
      case 'rollback': {
        const quick = ['--include-users', '--yes', '--health-timeout', '500ms'];
        return ['rollback', ...agents, ...(id === null ? [] : ['--snapshot', id]), ...quick];
      }
      case 'prune':
        return ['prune', '--id', id ?? '', '--yes'];
      case 'pin':
      case 'unpin':
        return [verb, id ?? ''];
      case 'snapshot':
        return ['snapshot', ...agents, ...(pin ? ['--pin'] : [])];
      default:
        return [verb];
    }
  }
}
