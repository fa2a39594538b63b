import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { EMULATED } from '../lab/emulated.ts';
import type { Lab } from '../lab/lab.ts';
import { sleep } from '../lab/run.ts';

/** Sees from outside how long a container is frozen. */
export interface FreezerWatch {
  /** Milliseconds of all freezes since the last call; 0 when there was none. */
  frozenMs(): Promise<number>;
  /** Ends the watching process. */
  close(): Promise<void>;
}

const PROBE = join(import.meta.dirname, 'probe.ts');
/** An emulated processor has no time for more, and its freezes last longer. */
const EVERY_MS = EMULATED ? 5 : 0.2;
const PROBE_LAG_MS = EMULATED ? 200 : 20;

/** Starts the probe on a container's freezer, above all else in priority so that it looks in time. */
export async function watchFreezer(lab: Lab, container: string): Promise<FreezerWatch> {
  const pid = Number(await lab.docker(['inspect', '--format', '{{.State.Pid}}', container]));
  const probe = spawn(
    'chrt',
    ['--fifo', '10', process.execPath, PROBE, ...freezerOf(pid), String(EVERY_MS)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let seen: number[] = [];
  const lines = createInterface(probe.stdout);
  await once(lines, 'line', { signal: AbortSignal.timeout(60_000) });
  lines.on('line', (line) => seen.push(Number(line)));
  return {
    frozenMs: async () => {
      await sleep(PROBE_LAG_MS);
      const total = seen.reduce((sum, ms) => sum + ms, 0);
      seen = [];
      return total;
    },
    close: async () => {
      if (probe.exitCode !== null || probe.signalCode !== null) return;
      probe.kill('SIGKILL');
      await once(probe, 'exit');
    },
  };
}

/** The file to look at and what it says of a thawed container: cgroup v1's freezer where there is one, else v2's. */
function freezerOf(pid: number): readonly [string, string] {
  const lines = readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8')
    .trim()
    .split('\n');
  for (const line of lines) {
    const [, controllers = '', path = ''] = line.split(':');
    if (controllers === 'freezer') return [`/sys/fs/cgroup/freezer${path}/freezer.state`, 'THAWED'];
    const file = `/sys/fs/cgroup${path}/cgroup.freeze`;
    if (controllers === '' && existsSync(file)) return [file, '0'];
  }
  throw new Error(`process ${String(pid)} is in no freezer cgroup`);
}
