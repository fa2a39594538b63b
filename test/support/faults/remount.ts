import type { Disk } from '../cycle/second-disk.ts';
import { mounts, type Mount } from '../lab/mounts.ts';
import { must, run, until } from '../lab/run.ts';

/** Where the program has a filesystem mounted for itself. */
export function privateMountOf({ fsUuid }: Pick<Disk, 'fsUuid'>): string {
  return `/run/cowherd/fs/${fsUuid}`;
}

/** Makes a filesystem and both its mounts read-only. That is refused while somebody has a file open for writing. */
export async function makeReadOnly(disk: Disk): Promise<void> {
  for (const target of [disk.mnt, privateMountOf(disk)])
    await until(`${target} read-only`, async () => {
      const { exitCode } = await run(['mount', '-o', 'remount,ro', target]);
      return exitCode === 0;
    });
}

/** Makes it writable as its owner would: the program's own mount of it is nobody else's business. */
export async function makeWritable({ mnt }: Disk): Promise<void> {
  await must(['mount', '-o', 'remount,rw', mnt]);
}

/** What is mounted at a place; throws where nothing is. */
export function mountOf(place: string): Mount {
  const mount = mounts().findLast(({ target }) => target === place);
  if (mount === undefined) throw new Error(`nothing is mounted at ${place}`);
  return mount;
}
