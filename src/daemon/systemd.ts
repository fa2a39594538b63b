import { run } from '../exec/run.ts';

/** What is told to systemd (sd_notify(3)); nothing where it did not start us. */
export interface Systemd {
  readonly ready: () => Promise<void>;
  readonly status: (text: string) => Promise<void>;
  readonly reloading: () => Promise<void>;
  readonly stopping: () => Promise<void>;
  /** How often `alive` is to be said; null where nobody waits for it. */
  readonly watchdogMs: number | null;
  readonly alive: () => Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const TIMEOUT_MS = 5_000;

/** By systemd-notify(1), since Node.js has no datagram sockets of Unix. The unit needs `NotifyAccess=all`. */
export function systemd(env: Environment, tell: (line: string) => void): Systemd {
  const address = env['NOTIFY_SOCKET'];
  const notify = async (...args: readonly string[]): Promise<void> => {
    if (address === undefined || address === '') return;
    const pid = `--pid=${String(process.pid)}`;
    const argv = [`NOTIFY_SOCKET=${address}`, 'systemd-notify', pid, ...args];
    await run('env', argv, { timeoutMs: TIMEOUT_MS }).catch((error: unknown) =>
      tell(`warning: systemd was not told: ${String(error)}`),
    );
  };
  return {
    ready: async () => notify('--ready'),
    status: async (text) => notify(`--status=${text}`),
    reloading: async () => notify('RELOADING=1'),
    stopping: async () => notify('STOPPING=1'),
    watchdogMs: watchdogOf(env),
    alive: async () => notify('WATCHDOG=1'),
  };
}

/**
 * A quarter of what systemd waits. sd_watchdog_enabled(3) asks for half of it, and then one word that is lost ends the daemon: each is a
 * process, which a disk that hangs for some seconds keeps from starting.
 */
function watchdogOf(env: Environment): number | null {
  const usec = Number(env['WATCHDOG_USEC']);
  return Number.isFinite(usec) && usec > 0 ? Math.max(1, Math.floor(usec / 4_000)) : null;
}
