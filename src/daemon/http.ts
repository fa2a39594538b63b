import type { IncomingMessage } from 'node:http';
import { systemCode } from '../model/errors.ts';

/** Why something did not get where it should; says nothing of the address. */
export class Undelivered extends Error {
  /** True where trying once more at once would be the same. */
  readonly isFinal: boolean;

  constructor(reason: string, isFinal: boolean) {
    super(reason);
    this.isFinal = isFinal;
  }
}

export interface Ask {
  readonly method: 'GET' | 'POST';
  /** JSON. */
  readonly body?: string;
  /** For all of it, from looking up the name to the end of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const MOST_BYTES = 16 * 1024;
const WORTH_ANOTHER_TRY = new Set([408, 425, 429]);

/** One request, on a connection of its own; any status 2xx is success, whatever the answer says. Redirects are not followed. Throws Undelivered. */
export async function ask(address: string, { timeoutMs, signal, ...ask }: Ask): Promise<void> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const status = await statusOf(new URL(address), {
      ...ask,
      signal: AbortSignal.any([signal, late]),
    });
    if (status >= 200 && status < 300) return;
    const redirects = status >= 300 && status < 400 ? ', and redirects are not followed' : '';
    const isFinal = status < 500 && !WORTH_ANOTHER_TRY.has(status);
    throw new Undelivered(`answered ${status}${redirects}`, isFinal);
  } catch (error) {
    if (error instanceof Undelivered) throw error;
    if (signal.aborted) throw new Undelivered('was interrupted', true);
    if (late.aborted) throw new Undelivered(`no answer within ${timeoutMs / 1000} s`, false);
    // What Node.js says may have the address in it.
    throw new Undelivered(systemCode(error) ?? 'no answer', false);
  }
}

async function statusOf(
  url: URL,
  { method, body, signal }: Omit<Ask, 'timeoutMs'>,
): Promise<number> {
  const { request } = await (url.protocol === 'https:'
    ? import('node:https')
    : import('node:http'));
  const headers = {
    'user-agent': 'cowherd',
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    let status: number | null = null;
    const asked = request(url, { method, headers, signal, agent: false }, (answer) => {
      status = answer.statusCode ?? 0;
      discard(answer, () => asked.destroy());
    });
    // An answer that hangs or breaks off has said its status all the same; one that switches protocols is none, and no error.
    const over = (error: Error): void => {
      if (status === null) reject(error);
      else resolve(status);
    };
    asked.on('error', over);
    asked.on('close', () => {
      over(new Error('no answer'));
    });
    asked.end(body);
  });
}

/** Reads an answer, so that whoever answers sees no broken connection; of a long one only the beginning. */
function discard(answer: IncomingMessage, enough: () => void): void {
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) enough();
  });
  answer.on('error', enough);
}
