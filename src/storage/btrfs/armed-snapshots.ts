import { arm } from '../../exec/armed.ts';
import { toCowherdError } from '../../model/errors.ts';
import { ioctls, type Ioctls } from './ioctl.ts';

/** One snapshot to take. */
export interface Step {
  readonly source: string | Buffer;
  readonly target: string;
}

/** Snapshots to be taken with nothing left to be started when they are wanted. */
export interface ArmedSnapshots {
  /** Atomic and read-only, each for itself. Only once. Throws TOOL_FAILED, NO_SPACE; an abort leaves behind what cannot be killed. */
  readonly take: (steps: readonly Step[], signal: AbortSignal) => Promise<void>;
  readonly disarm: () => void;
}

/** Resolves when whoever takes them is there: by ioctl, or `btrfs subvolume snapshot` where that cannot be. `top` is of the filesystem. */
export async function armSnapshots(top: string, count: number): Promise<ArmedSnapshots> {
  const process = ioctls();
  if (await answers(process, top)) return byIoctl(process);
  process.giveBack();
  const args = ['subvolume', 'snapshot', '-r', '--'];
  const { fire, disarm } = await arm({ file: 'btrfs', args, groupSize: 2, groups: count });
  return { take: async (steps, signal) => fire(steps.map(paths), signal), disarm };
}

async function answers(process: Ioctls, top: string): Promise<boolean> {
  const [told] = await process
    .ask('info', [[top]])
    .catch((error: unknown) => [{ error: toCowherdError(error) }]);
  return told !== undefined && 'text' in told;
}

function byIoctl(process: Ioctls): ArmedSnapshots {
  let armed = true;
  const disarm = (): void => {
    if (armed) process.giveBack();
    armed = false;
  };
  return {
    take: async (steps, signal) => {
      try {
        const told = await process.ask('snapshot', steps.map(paths), { signal });
        const failed = told.find((one) => 'error' in one);
        if (failed) throw failed.error;
      } finally {
        disarm();
      }
    },
    disarm,
  };
}

function paths({ source, target }: Step): readonly [string | Buffer, string] {
  return [source, target];
}
