import { createInterface } from 'node:readline';
import { call } from './call.ts';
import type { Client } from './connect.ts';
import { eventLine } from './schemas.ts';

/** What Docker tells as it happens, as far as it concerns volumes and who uses them. */
export interface DockerEvent {
  readonly type: 'container' | 'volume';
  /** `create`, `start`, `die`, `destroy` … */
  readonly action: string;
  /** Of the container; the name of the volume. */
  readonly id: string;
}

const WANTED = {
  type: ['container', 'volume'],
  event: ['create', 'start', 'destroy', 'rename', 'mount'],
};

/** Docker's events from now on, until the signal aborts or Docker goes away: then it ends, or throws DOCKER_UNREACHABLE. */
export async function* dockerEvents(
  { api, socketPath, patience }: Client,
  signal: AbortSignal,
): AsyncGenerator<DockerEvent, void> {
  const what = 'listen to the events';
  const ended = new AbortController();
  const abortSignal = AbortSignal.any([signal, ended.signal]);
  const stream = await call({ what, socketPath, timeoutMs: patience.answerMs }, () =>
    api.getEvents({ filters: JSON.stringify(WANTED), abortSignal }),
  );
  stream.on('error', () => undefined);
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  // Whoever waits for the next line gets it; where nobody does any more it would end this process.
  lines.on('error', () => undefined);
  try {
    for await (const line of lines) {
      const event = parseEvent(line);
      if (event !== null) yield event;
    }
  } finally {
    ended.abort();
  }
}

/** Null for what is none, or concerns nobody. */
function parseEvent(line: string): DockerEvent | null {
  try {
    const { Type: type, Action: action, Actor } = eventLine.parse(JSON.parse(line));
    return type === 'container' || type === 'volume' ? { type, action, id: Actor.ID } : null;
  } catch {
    return null;
  }
}
