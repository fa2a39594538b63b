import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { unpauseOver } from './docker-socket.ts';
import { splitLines } from './guard-protocol.ts';
import type { ArmRequest, GuardReply, GuardRequest } from './guard-protocol.ts';
import { noDocker, thawTargets } from './thaw.ts';

// Whatever is imported here is paid for at every start: nothing but Node itself and a few files of this directory.

interface Watch {
  readonly request: ArmRequest;
  clock: NodeJS.Timeout | null;
  /** The thaw under way, if any. */
  firing: Promise<void> | null;
}

const IGNORED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;
const LAST_ROUNDS = 60;
const LAST_PAUSE_MS = 500;

/** The guard: watches the brackets its client arms, thaws them when their time passes, and all of them when the client's pipe closes. */
export function runGuard(): void {
  hardenProcess();
  const watches = new Map<string, Watch>();
  const onLine = (line: string): void => {
    handle(watches, JSON.parse(line) as GuardRequest);
  };
  const onGone = (): void => void leave(watches);
  process.stdin.setEncoding('utf8').on('data', splitLines(onLine));
  process.stdin.on('end', onGone).on('error', onGone);
  process.stdout.on('error', () => undefined);
  process.on('uncaughtException', onGone).on('unhandledRejection', onGone);
}

function hardenProcess(): void {
  for (const signal of IGNORED) process.on(signal, () => undefined);
  try {
    writeFileSync('/proc/self/oom_score_adj', '-900');
  } catch {
    // Not allowed here: the guard is then killed like any other when memory runs out.
  }
}

function handle(watches: Map<string, Watch>, message: GuardRequest): void {
  if (message.type === 'arm') {
    watches.set(message.bracketId, { request: message, clock: null, firing: null });
    reply({ type: 'armed', bracketId: message.bracketId });
    return;
  }
  const watch = watches.get(message.bracketId);
  if (message.type === 'disarm') void disarm(watches, message.bracketId);
  else if (watch !== undefined && message.type === 'freezing') startClock(watch);
  else if (watch !== undefined) void takeOver(watches, watch);
}

/** Repeats until disarmed: a client stopped between its word and its deed freezes after we fired. */
function startClock(watch: Watch): void {
  watch.clock ??= setInterval(() => {
    watch.firing ??= fire(watch);
  }, watch.request.maxFreezeMs);
}

async function fire(watch: Watch): Promise<void> {
  await thaw(watch.request);
  watch.firing = null;
  reply({ type: 'fired', bracketId: watch.request.bracketId });
}

/** Answers only when no thaw of ours is under way any more, which could end a later freeze of the same container. */
async function disarm(watches: Map<string, Watch>, bracketId: string): Promise<void> {
  const watch = watches.get(bracketId);
  watches.delete(bracketId);
  if (watch?.clock) clearInterval(watch.clock);
  await watch?.firing;
  reply({ type: 'disarmed', bracketId });
}

async function takeOver(watches: Map<string, Watch>, watch: Watch): Promise<void> {
  if (watch.clock !== null) clearInterval(watch.clock);
  await thawForGood(watch.request);
  watches.delete(watch.request.bracketId);
}

async function leave(watches: Map<string, Watch>): Promise<never> {
  await Promise.all([...watches.values()].map((watch) => thawForGood(watch.request)));
  process.exit(0);
}

/**
 * Tries for half a minute; the record stays when it does not succeed, for `cowherd thaw` and the next start. Docker is asked
 * twice, because a pause that the client had sent may come to pass after the first time.
 */
async function thawForGood(request: ArmRequest): Promise<void> {
  let needed = request.targets.some((target) => target.method === 'pause') ? 2 : 1;
  for (let round = 0; round < LAST_ROUNDS; round += 1) {
    if (await thaw(request)) needed -= 1;
    if (needed === 0) break;
    await setTimeout(LAST_PAUSE_MS);
  }
  if (needed === 0) rmSync(request.recordFile, { force: true });
}

/** True when it is verified. */
async function thaw({ targets, socket }: ArmRequest): Promise<boolean> {
  const unpause = socket === null ? noDocker : unpauseOver(socket);
  return (await thawTargets(targets, unpause)).length === 0;
}

function reply(message: GuardReply): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
