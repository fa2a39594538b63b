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

/** A pool that can be worked with. Throws IO_ERROR when it is not imported or suspended. */
export async function usablePool(guid: string): Promise<Pool> {
  const pool = (await listPools()).find((one) => one.guid === guid);
  if (pool === undefined)
    throw new CowherdError('IO_ERROR', `the pool with the guid ${guid} is not imported`, {
      hint: 'zpool import lists what can be imported',
    });
  const why = whyUnusable(pool);
  if (why === null) return pool;
  if (pool.health === 'SUSPENDED') throw suspendedPool(pool.name);
  throw new CowherdError('IO_ERROR', why, {
    hint: 'zpool status tells why; zpool export and zpool import make it writable again',
  });
}

/** Why nothing can be captured in a pool, or null. */
export function whyUnusable({ name, health, readonly }: Pool): string | null {
  if (health === 'SUSPENDED') return suspendedPool(name).message;
  return readonly ? `the pool ${name} is imported read-only` : null;
}
