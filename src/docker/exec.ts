import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import { formatDuration } from '../model/durations.ts';
import { CowherdError } from '../model/errors.ts';
import { call } from './call.ts';
import type { Client } from './connect.ts';
import type { ExecResult } from './docker.ts';
import { execInfo } from './schemas.ts';
import { parseAnswer } from './schema-parts.ts';
import type { Tail } from './tail.ts';
import { keepTail } from './tail.ts';

export interface ExecOrder {
  readonly id: string;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

const KEPT_BYTES = 8 * 1024;
const POLL_MS = 20;

/**
 * Runs argv in a container without a tty and gives its exit and the end of its output. HOOK_FAILED when it is
 * not done in time (Docker has no way to end it: it may go on), TOOL_FAILED when Docker cannot start it.
 */
export async function execIn(
  { api, socketPath, patience }: Client,
  order: ExecOrder,
): Promise<ExecResult> {
  const what = `run ${order.argv[0] ?? ''} in container ${order.id}`;
  const container = api.getContainer(encodeURIComponent(order.id));
  const tail = keepTail(KEPT_BYTES);
  const wanted = { Cmd: [...order.argv], AttachStdout: true, AttachStderr: true };
  const exec = await call({ what, socketPath, timeoutMs: patience.answerMs }, (abortSignal) =>
    container.exec({ ...wanted, abortSignal }),
  );
  const late = () => overdue(what, order.timeoutMs, tail);
  return call({ what, socketPath, timeoutMs: order.timeoutMs, late }, async (signal) => {
    const stream = await exec.start({ Detach: false, Tty: false, abortSignal: signal });
    stream.on('error', () => undefined);
    api.modem.demuxStream(stream, tail.stream, tail.stream);
    await finished(stream, { writable: false, signal });
    return { exitCode: await exitOf(exec, signal), output: tail.text() };
  });
}

/** The output may end a moment before the process. */
async function exitOf(exec: Dockerode.Exec, abortSignal: AbortSignal): Promise<number> {
  for (;;) {
    const info = parseAnswer(execInfo, await exec.inspect({ abortSignal }), 'inspect an exec');
    if (!info.Running && typeof info.ExitCode === 'number') return info.ExitCode;
    await sleep(POLL_MS, undefined, { signal: abortSignal });
  }
}

function overdue(what: string, timeoutMs: number, tail: Tail): CowherdError {
  const message = `failed to ${what}: not done within ${formatDuration(timeoutMs)}`;
  return new CowherdError('HOOK_FAILED', message, {
    hint: 'it may still run in the container; give it more time, or make it shorter',
    details: { output: tail.text() },
  });
}
