import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { unescapeOctal, type Mount } from '../model/mountinfo.ts';
import type { Placement } from '../storage/driver.ts';
import { placeVolume } from '../storage/placement.ts';
import { finding, type Finding } from './finding.ts';
import type { PlacedAgent } from './host.ts';

/** A file that the kernel swaps to, and the dataset that holds it. */
export type Swapfile = Pick<Placement, 'fsId' | 'dataset'> & { readonly path: string };

/** Paths of the active swapfiles in the text of /proc/swaps (proc_swaps(5)); partitions are left out. */
export function parseSwaps(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', type] = line.split(/\s+/);
    return type === 'file' && name.startsWith('/') ? [unescapeOctal(name)] : [];
  });
}

/** The active swapfiles of this host. */
export async function activeSwapfiles(mounts: readonly Mount[]): Promise<readonly Swapfile[]> {
  const paths = parseSwaps(await readFile('/proc/swaps', 'latin1').catch(() => ''));
  return Promise.all(
    paths.map(async (path) => {
      const around = { name: path, mountpoint: dirname(path), unsupported: null };
      const { fsId, dataset } = await placeVolume(around, { mounts });
      return { path, fsId, dataset };
    }),
  );
}

/** The swapfile that makes every snapshot of a volume fail (ETXTBSY), or null. */
export function swapfileIn(volume: Placement, swapfiles: readonly Swapfile[]): Swapfile | null {
  const nested = volume.nested.map(({ path }) => `${volume.pathInFs}/${path}`);
  const captured = [volume.dataset, ...nested];
  const found = swapfiles.find(
    ({ fsId, dataset }) => fsId !== '' && fsId === volume.fsId && captured.includes(dataset),
  );
  return found ?? null;
}

/** Volumes whose dataset holds an active swapfile. */
export function swapFindings(
  agent: PlacedAgent,
  swapfiles: readonly Swapfile[],
): readonly Finding[] {
  return agent.placements.flatMap((placement) => {
    const swapfile = swapfileIn(placement, swapfiles);
    if (swapfile === null) return [];
    const message = `${placement.volume} cannot be captured: ${swapfile.path}, in the same subvolume, is an active swapfile`;
    const mend = `swapoff ${swapfile.path}, and put it in a subvolume of its own`;
    const about = { agent: agent.name, volume: placement.volume };
    return [finding('SWAPFILE', 'error', { ...about, message, mend })];
  });
}
