import type { Config } from '../config/schema.ts';
import {
  delivered,
  kept,
  noticesFor,
  observed,
  type Episode,
  type Notice,
} from '../model/episodes.ts';
import { BOUNDS, channelsOf, type Bounds } from './channels.ts';
import { deliveryOf } from './delivery.ts';
import { heart } from './heartbeat.ts';
import { recordOf } from './notice-record.ts';
import { problemsOf, type Pass } from './problems.ts';

export interface NotifierOptions {
  readonly config: Pick<Config, 'host' | 'notify' | 'state'>;
  /** One line to a person; has no address in it. */
  readonly tell: (line: string) => void;
  readonly now: () => Date;
  /** Monotonic milliseconds. */
  readonly ticks: () => number;
  /** Ends whatever is under way, at once. */
  readonly signal: AbortSignal;
  readonly bounds?: Partial<Bounds>;
}

/** What the daemon tells others. Nothing of it throws, and nobody has to wait for it. */
export interface Notifier {
  /** After each pass; what there is to tell is delivered beside whatever comes next. */
  readonly passed: (pass: Pass) => void;
  /** After each good pass. */
  readonly beat: () => void;
  /** The end of all that is under way. */
  readonly settled: () => Promise<void>;
}

/** Goes on with what was told before; a record that is damaged is told, and what lasts is then told anew. */
export async function openNotifier(options: NotifierOptions): Promise<Notifier> {
  const { config, tell, now, ticks, signal } = options;
  const bounds = { ...BOUNDS, ...options.bounds };
  const configured = channelsOf(config.notify, bounds);
  const channels = configured.map(({ channel }) => channel);
  const record = recordOf(config.state, tell);
  let episodes = channels.length === 0 ? [] : await record.read();
  const change = (next: readonly Episode[]): void => {
    episodes = kept(next, channels);
    record.write(episodes);
  };
  const deliveries = configured.map(({ channel, label, send }) =>
    deliveryOf({
      ...{ label, send, tell, ticks, signal, bounds },
      due: () => noticesFor(episodes, channel, now().getTime()),
      delivered: (notice) =>
        change(delivered(episodes, notice, { channel, nowMs: now().getTime() })),
      jsonOf: (notice) => JSON.stringify(bodyOf(config.host, notice)),
    }),
  );
  const { beat, beaten } = heart({
    ...{ address: config.notify.heartbeat, timeoutMs: bounds.requestMs, tell, signal },
  });
  let last = Promise.resolve();
  return {
    passed: (pass) => {
      if (channels.length === 0) return;
      change(observed(episodes, problemsOf(pass), now().getTime()));
      last = allOf(deliveries);
    },
    beat,
    settled: async () => {
      await Promise.all([last, beaten()]);
      await record.written();
    },
  };
}

async function allOf(deliveries: readonly (() => Promise<void>)[]): Promise<void> {
  await Promise.all(deliveries.map(async (delivery) => delivery()));
}

function bodyOf(host: string, { sinceMs, atMs, ...notice }: Notice) {
  const { kind, key, agent, code, message, hint } = notice;
  const since = new Date(sinceMs).toISOString();
  return { host, kind, key, agent, code, message, hint, since, at: new Date(atMs).toISOString() };
}
