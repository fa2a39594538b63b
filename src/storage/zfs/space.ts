import type { Concern } from '../concern.ts';
import { unpromoted } from './aside.ts';
import type { Home } from './home.ts';
import { rowsOf } from './parse.ts';
import { zfs } from './tool.ts';

/** What datasets of the pool can still write, and what they have and can write together (zfsprops(7)). */
export async function spaceOf({
  pool,
}: Home): Promise<{ readonly freeBytes: number; readonly sizeBytes: number }> {
  const text = await zfs(['list', '-Hp', '-o', 'available,used', pool.name]);
  const [free = 0, used = 0] = (rowsOf(text)[0] ?? []).map(Number);
  return { freeBytes: free, sizeBytes: free + used };
}

/** `Store.concerns`: a pool that has lost a disk, and data that cannot be given back because two tools' snapshots are called the same. */
export async function concernsOf(home: Home): Promise<readonly Concern[]> {
  const { name, health } = home.pool;
  const state = `the pool ${name} is ${health}`;
  const clashes = (await unpromoted(home)).map((dataset) => ({
    code: 'NOT_PROMOTED' as const,
    message: `${dataset} shares its snapshots with retired data, which stays with it: snapshots of one name are in both`,
    mend: `rename the one in ${dataset} (zfs rename), then: cowherd recover`,
  }));
  return [
    ...(health === 'ONLINE'
      ? []
      : [{ code: 'POOL_DEGRADED' as const, message: state, mend: `zpool status ${name}` }]),
    ...clashes,
  ];
}
