import { parentIn } from '../storage/zfs/home.ts';
import type { Context } from './context.ts';

/** The dataset under which adopted volumes of a pool become datasets: as configured, or by where Docker's data root lies now. */
export async function zfsParentIn(
  pool: string,
  { config, docker, mounts }: Pick<Context, 'config' | 'docker' | 'mounts'>,
): Promise<string> {
  const configured = config.zfs.parent;
  const info = await docker()
    .then(async (connected) => connected?.info() ?? null)
    .catch(() => null);
  return parentIn(pool, { configured, dataRoot: info?.dataRoot ?? null, mounts: await mounts() });
}
