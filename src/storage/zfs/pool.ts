import { CowherdError } from '../../model/errors.ts';
import { parsePools, parseVersion, POOL_COLUMNS, type Pool } from './parse.ts';
import { suspendedPool } from './suspended.ts';
import { zfs, zpool } from './tool.ts';

/** OpenZFS before 2.1 lacks what a rollback relies on (`zfs rename -u` of mounted trees, `zpool sync` semantics). */
const FLOOR = { major: 2, minor: 1 };

/** Pools that are imported here. Throws TOOL_MISSING, TOOL_FAILED. */
export async function listPools(): Promise<readonly Pool[]> {
  return parsePools(await zpool(['list', '-Hp', '-o', POOL_COLUMNS]));
}

/** Throws TOOL_MISSING when the `zfs` command or the kernel's module is older than 2.1. */
export async function expectVersion(): Promise<void> {
  const text = await zfs(['version']);
  const version = parseVersion(text);
  if (version !== null && isRecent(version)) return;
  const said = text.trim().split('\n').join(', ');
  throw new CowherdError('TOOL_MISSING', `OpenZFS is too old here: ${said}`, {
    hint: 'upgrade OpenZFS (zfsutils-linux and its kernel module) to 2.1 or newer',
  });
}

function isRecent({ major, minor }: { major: number; minor: number }): boolean {
  return major > FLOOR.major || (major === FLOOR.major && minor >= FLOOR.minor);
}

/** A pool that can be worked with. Throws IO_ERROR when it is not imported, suspended or read-only. */
export async function usablePool(guid: string): Promise<Pool> {
  const pool = (await listPools()).find((one) => one.guid === guid);
  if (pool === undefined)
    throw new CowherdError('IO_ERROR', `the pool with the guid ${guid} is not imported`, {
      hint: 'zpool import lists what can be imported',
    });
  if (pool.health === 'SUSPENDED') throw suspendedPool(pool.name);
  const why = whyUnusable(pool);
  if (why === null) return pool;
  throw new CowherdError('IO_ERROR', why, {
    hint: 'zpool status tells why; zpool export and zpool import make it writable again',
  });
}

/** Why nothing can ever be captured in a pool as it is, or null. One that is suspended fails what is tried in it (`usablePool`). */
export function whyUnusable({ name, readonly }: Pool): string | null {
  return readonly ? `the pool ${name} is imported read-only` : null;
}
