import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { boundedBy, GRACE_MS, leaveBehind, STUCK } from './bounded.ts';
import type { CowherdError } from '../model/errors.ts';
import { CHILD_ENVIRONMENT, failureOf, stuckFailure } from './run.ts';
import { keepTail } from './tail.ts';

/** Bytes of the length that goes before each request and each answer (big-endian). */
const HEAD_BYTES = 4;

export interface AskOptions {
  /** The program is killed after this time, or when this aborts. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A program that was started and answers requests, one after the other; it ends when its stdin does, and so with us. */
export interface Answering {
  /** Throws TOOL_MISSING, TOOL_FAILED when it ends, is killed or is busy. */
  readonly ask: (request: Buffer, options?: AskOptions) => Promise<Buffer>;
  /** False once it has ended or was told to. */
  readonly alive: () => boolean;
  readonly end: () => void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** What is known of a child; `settle` is for whoever waits for its answer. */
interface Life {
  ended: boolean;
  code: string | undefined;
  exitCode: number;
  settle: ((answer: Buffer | null) => void) | null;
}

/**
 * Starts a program that reads requests from its stdin and writes answers to its stdout, each a length and as many bytes: what is
 * asked often and in a hurry costs no new process. Idle it does not keep our event loop alive.
 */
export function startAnswering(file: string, args: readonly string[]): Answering {
  const child: Child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: CHILD_ENVIRONMENT,
    detached: true,
  });
  const life = follow(child);
  const stderr = keepTail(child.stderr);
  keepAlive(child, false);
  const failure = (timedOut: boolean): CowherdError =>
    failureOf({ file, args: [], ...life, timedOut, stderr: stderr() });
  return {
    alive: () => !life.ended,
    end: () => {
      child.stdin.end();
    },
    ask: async (request, options = {}) => {
      options.signal?.throwIfAborted();
      if (life.ended || life.settle !== null) throw failure(false);
      const { answer, killed } = await exchange(child, life, { request, options });
      if (answer === STUCK) {
        life.ended = true;
        leaveBehind(child);
        throw stuckFailure(file, [], stderr());
      }
      if (answer === null) throw failure(killed);
      return answer;
    },
  };
}

function follow(child: Child): Life {
  const life: Life = { ended: false, code: undefined, exitCode: -1, settle: null };
  const settle = (answer: Buffer | null): void => {
    life.settle?.(answer);
    life.settle = null;
  };
  child.on('error', (error: NodeJS.ErrnoException) => {
    Object.assign(life, { ended: true, code: error.code });
    settle(null);
  });
  child.on('close', (exit) => {
    Object.assign(life, { ended: true, exitCode: exit ?? -1 });
    settle(null);
  });
  child.stdin.on('error', () => undefined); // it may have ended: its exit says so
  eachAnswer(child.stdout, settle);
  return life;
}

async function exchange(
  child: Child,
  life: Life,
  { request, options }: { readonly request: Buffer; readonly options: AskOptions },
): Promise<{ readonly answer: Buffer | null | typeof STUCK; readonly killed: boolean }> {
  const { timeoutMs, signal } = options;
  const answer = new Promise<Buffer | null>((resolve) => (life.settle = resolve));
  child.stdin.write(framed(request));
  keepAlive(child, true);
  const late = killedWhenLate(child, options);
  try {
    const afterMs = timeoutMs === undefined ? undefined : timeoutMs + GRACE_MS;
    return { answer: await boundedBy({ afterMs, signal }, answer), killed: late.killed() };
  } finally {
    late.clear();
    keepAlive(child, false);
  }
}

function framed(request: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(request.length);
  return Buffer.concat([head, request]);
}

function eachAnswer(stdout: Readable, settle: (answer: Buffer) => void): void {
  let bytes = Buffer.alloc(0);
  stdout.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length < HEAD_BYTES) return;
    const end = HEAD_BYTES + bytes.readUInt32BE();
    if (bytes.length < end) return;
    const answer = bytes.subarray(HEAD_BYTES, end);
    bytes = bytes.subarray(end);
    settle(answer);
  });
  stdout.on('error', () => undefined);
}

function killedWhenLate(
  child: Child,
  { timeoutMs, signal }: AskOptions,
): { readonly killed: () => boolean; readonly clear: () => void } {
  let killed = false;
  const kill = (): void => {
    killed = true;
    child.kill('SIGKILL');
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(kill, timeoutMs);
  signal?.addEventListener('abort', kill, { once: true });
  return {
    killed: () => killed,
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    },
  };
}

function keepAlive(child: Child, busy: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr].filter((pipe) => pipe instanceof Socket);
  for (const handle of [child, ...pipes]) {
    if (busy) handle.ref();
    else handle.unref();
  }
}
