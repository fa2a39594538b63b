import type { Unpause } from './thaw.ts';

const REQUEST_LIMIT_MS = 2_000;
/** Far longer than what Docker tells of one container. */
const MAX_ANSWER_CHARS = 16 * 1024 * 1024;

/** `Unpause` straight over Docker's socket, for the guard, which loads no client library. Every request is bounded (2 s, 16 MiB). */
export function unpauseOver(socketPath: string): Unpause {
  return async (containerId) => {
    const { status } = await ask(socketPath, 'POST', `/containers/${containerId}/unpause`);
    if (status === 204 || status === 404) return true;
    const { body } = await ask(socketPath, 'GET', `/containers/${containerId}/json`);
    return !/"Paused":\s*true/.test(body);
  };
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
