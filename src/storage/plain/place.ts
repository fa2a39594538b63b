import { CowherdError } from '../../model/errors.ts';
import { pathInFilesystem } from '../../model/mountinfo.ts';
import type { Tier } from '../../model/snapshot.ts';
import type { Placement } from '../driver.ts';
import { incarnationOf, type Found, type IdOf } from '../found.ts';
import { hasReflinks } from './filesystem.ts';

/** Where a volume's data lies on a filesystem without datasets: nothing but its directory can be captured. */
export async function placePlain({ volume, real, mount }: Found, idOf: IdOf): Promise<Placement> {
  const { fstype: filesystem } = mount;
  const pathInFs = pathInFilesystem(real, mount);
  return {
    ...{ volume: volume.name, mountpoint: real, filesystem },
    ...(await storeOn(mount, idOf)),
    ...{ isolated: false, dataset: pathInFs, pathInFs },
    incarnation: await incarnationOf(real),
    nested: [],
    notSwappable: real === mount.mountPoint ? `${real} is a mount point of its own` : null,
    hostile: null,
  };
}

type StoreOn = Pick<Placement, 'tier' | 'fsId' | 'reason' | 'hint'>;

/** Which driver serves a filesystem; none while that cannot be told: what one has made the other cannot read. */
async function storeOn(mount: Found['mount'], idOf: IdOf): Promise<StoreOn> {
  try {
    const fsId = await idOf(mount);
    const why = `its filesystem (${mount.fstype}) lies on no block device, or has no UUID, by which it could be found again`;
    if (fsId === null) return { tier: 'tar', fsId: '', reason: why, hint: null };
    return { tier: await tierOf(mount), fsId, reason: null, hint: null };
  } catch (error) {
    if (!(error instanceof CowherdError)) throw error;
    const { message, hint } = error;
    return { tier: 'tar', fsId: '', reason: `its filesystem cannot be told: ${message}`, hint };
  }
}

async function tierOf(mount: Found['mount']): Promise<Tier> {
  return mount.fstype === 'xfs' && (await hasReflinks(mount)) ? 'reflink' : 'tar';
}
