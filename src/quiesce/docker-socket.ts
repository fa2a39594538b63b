import type { Unpause } from './thaw.ts';

const REQUEST_LIMIT_MS = 2_000;
/** HTTP 404: there is no such container. */
const GONE = 404;
/** Far longer than what Docker tells of one container. */
const MAX_ANSWER_CHARS = 16 * 1024 * 1024;

/** `Unpause` straight over Docker's socket, for the guard, which loads no client library. Every request is bounded (2 s, 16 MiB). */
export function unpauseOver(socketPath: string): Unpause {
  return async (containerId) => {
    const container = `/containers/${containerId}`;
    const { status } = await ask(socketPath, 'POST', `${container}/unpause`);
    if (status === GONE) return true;
    const told = await ask(socketPath, 'GET', `${container}/json`);
    return told.status === GONE || !isPaused(told.body);
  };
}

/** Only a plain word of Docker counts; throws where the answer is anything else. */
function isPaused(body: string): boolean {
  const told: unknown = JSON.parse(body);
  const { State: state } = Object(told) as { readonly State?: unknown };
  const { Paused: paused } = Object(state) as { readonly Paused?: unknown };
  if (typeof paused !== 'boolean') throw new Error('Docker does not say whether it is paused');
  return paused;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function ask(socketPath: string, method: string, path: string): Promise<Answer> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const asked = request({ socketPath, method, path, signal, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        if (body.length > MAX_ANSWER_CHARS) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject).on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    asked.on('error', reject).end();
  });
}
