import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { runTail } from '../exec/run-tail.ts';
import type { Channel } from '../model/episodes.ts';
import { toCowherdError } from '../model/errors.ts';
import { ask, Undelivered } from './http.ts';

/** How long everything may take. */
export interface Bounds {
  readonly requestMs: number;
  readonly commandMs: number;
  /** Before each further try of a webhook. */
  readonly pausesMs: readonly number[];
  /** How long a channel that failed is left alone; doubled each time. */
  readonly restMs: number;
  readonly longestRestMs: number;
}

/** A webhook's tries and pauses are over within a minute. */
export const BOUNDS: Bounds = {
  requestMs: 10_000,
  commandMs: 30_000,
  pausesMs: [2_000, 5_000, 10_000],
  restMs: 60_000,
  longestRestMs: 15 * 60_000,
};

/** Takes a notice as JSON to where it belongs; throws Undelivered. */
export type Send = (json: string, signal: AbortSignal) => Promise<void>;

export interface Configured {
  readonly channel: Channel;
  /** How it is called in messages: an address by its origin alone. */
  readonly label: string;
  readonly send: Send;
}

/** The channels that a config has. */
export function channelsOf(
  { webhook, command }: Config['notify'],
  bounds: Bounds,
): readonly Configured[] {
  const channels: Configured[] = [];
  if (webhook !== null) {
    const label = `notify.webhook (${new URL(webhook).origin})`;
    channels.push({ channel: 'webhook', label, send: toWebhook(webhook, bounds) });
  }
  if (command !== null) {
    const label = `notify.command (${command[0] ?? ''})`;
    channels.push({ channel: 'command', label, send: toCommand(command, bounds) });
  }
  return channels;
}

function toWebhook(address: string, { requestMs: timeoutMs, pausesMs }: Bounds): Send {
  return async (body, signal) => {
    for (const pauseMs of pausesMs) {
      try {
        await ask(address, { method: 'POST', body, timeoutMs, signal });
        return;
      } catch (error) {
        if (error instanceof Undelivered && error.isFinal) throw error;
      }
      await pause(pauseMs, undefined, { signal });
    }
    await ask(address, { method: 'POST', body, timeoutMs, signal });
  };
}

/** What it prints is not told: it may have an address in it. */
function toCommand([file = '', ...args]: readonly string[], { commandMs }: Bounds): Send {
  return async (input, signal) => {
    const { exitCode, timedOut } = await runTail(file, args, {
      ...{ timeoutMs: commandMs, input, signal },
    }).catch((error: unknown) => {
      throw new Undelivered(`could not be started (${toCowherdError(error).code})`, true);
    });
    if (timedOut) throw new Undelivered(`did not end within ${commandMs / 1000} s`, true);
    if (exitCode !== 0) throw new Undelivered(`exited ${exitCode}`, true);
  };
}
