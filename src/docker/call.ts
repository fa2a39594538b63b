import { CowherdError, systemCode } from '../model/errors.ts';
import { formatDuration } from '../model/durations.ts';

export interface Call {
  /** For people, after "to": `list the containers`. */
  readonly what: string;
  readonly socketPath: string;
  readonly timeoutMs: number;
  /** The error when time runs out; default DOCKER_UNREACHABLE. */
  readonly late?: () => CowherdError;
}

/** How long Docker may take. */
export interface Patience {
  /** To answer what it knows. */
  readonly answerMs: number;
  /** To do what needs the kernel. */
  readonly actionMs: number;
  /** To stop a container, over the time that the container itself has to end. */
  readonly stopMarginMs: number;
}

export const PATIENCE: Patience = { answerMs: 30_000, actionMs: 120_000, stopMarginMs: 30_000 };

/**
 * One bounded request. Throws DOCKER_UNREACHABLE when nobody answers in time, TOOL_FAILED with Docker's words
 * and `details.statusCode` when it refuses.
 */
export async function call<T>(
  { what, socketPath, timeoutMs, late }: Call,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const clock = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    clock.reject(late?.() ?? new LateAnswer(timeoutMs));
    abort.abort();
  }, timeoutMs);
  try {
    return await Promise.race([request(abort.signal), clock.promise]);
  } catch (error) {
    throw failureOf(error, { what, socketPath });
  } finally {
    clearTimeout(timer);
  }
}

/** The HTTP status Docker refused with, or null for any other failure. */
export function refusal(error: unknown): number | null {
  if (!(error instanceof CowherdError)) return null;
  const status = error.details['statusCode'];
  return typeof status === 'number' ? status : null;
}

class LateAnswer extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${formatDuration(timeoutMs)}`);
  }
}

function failureOf(
  error: unknown,
  { what, socketPath }: Pick<Call, 'what' | 'socketPath'>,
): CowherdError {
  if (error instanceof CowherdError) return error;
  const statusCode = statusOf(error);
  if (statusCode !== null) {
    return new CowherdError('TOOL_FAILED', `Docker refused to ${what}: ${wordsOf(error)}`, {
      hint: 'the log of the Docker daemon may say more (journalctl -u docker)',
      details: { statusCode },
      cause: error,
    });
  }
  return new CowherdError('DOCKER_UNREACHABLE', `cannot ${what}: ${wordsOf(error)}`, {
    hint: hintFor(error, socketPath),
    details: { socket: socketPath },
    cause: error,
  });
}

function hintFor(error: unknown, socketPath: string): string {
  const hints: Readonly<Record<string, string>> = {
    ENOENT: `there is no ${socketPath}: is dockerd running, and is docker.socket in the config right?`,
    ECONNREFUSED: `nobody listens on ${socketPath}: is dockerd running?`,
    EACCES: `this user may not open ${socketPath}: run cowherd as root`,
    EPERM: `this user may not open ${socketPath}: run cowherd as root`,
  };
  if (error instanceof LateAnswer) return 'dockerd hangs or is overloaded: look at its log';
  return hints[systemCode(error) ?? ''] ?? `is a Docker daemon listening on ${socketPath}?`;
}

function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return null;
  return typeof error.statusCode === 'number' ? error.statusCode : null;
}

/** Docker's own message where dockerode kept it, else the error's. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const json: unknown = 'json' in error ? error.json : null;
  const said = typeof json === 'object' && json !== null && 'message' in json ? json.message : '';
  return (typeof said === 'string' && said !== '' ? said : error.message).trim();
}
