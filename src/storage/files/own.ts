import type { Stats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CowherdError, systemCode } from '../../model/errors.ts';
import type { Layout } from './layout.ts';

/**
 * What a store says is done to volumes, by root: it is believed only where nobody else can have written it. Throws
 * PERMISSION_DENIED with `details.hostile` when the directory around it or one of its own is not root's alone; what is
 * missing, or no directory, is left to whoever reads it.
 */
export async function expectOwnStore(layout: Layout): Promise<void> {
  const { top, store, snapshots, transient, staged, retired, transactions } = layout;
  if (!isKept(await lstat(top)))
    throw notOwn(top, `chown root ${top} && chmod go-w ${top}, on the filesystem's own mount`);
  for (const path of [store, snapshots, transient, staged, retired, transactions]) {
    const found = await statIfThere(path);
    if (found !== null && !isOwn(found))
      throw notOwn(
        path,
        `look at what it holds and who made it; chown root and chmod 700 if it is yours, else move ${store} away`,
      );
  }
}

/** The same for a directory that may be anywhere: nobody else can write to it, read it, or put another in its place. Throws PERMISSION_DENIED. */
export async function expectOwnPath(path: string): Promise<void> {
  const real = await realpath(path);
  if (!isOwn(await lstat(real)))
    throw notOwn(
      real,
      `look at what it holds and who made it; chown root and chmod 700 if it is yours`,
    );
  await expectKeptAbove(path);
}

/** The part of it that is for what may not be there yet. Throws PERMISSION_DENIED. */
export async function expectKeptAbove(path: string): Promise<void> {
  // On the way by name somebody could lead a link elsewhere.
  for (const way of new Set([path, await realPathToBe(path)]))
    for (let around = dirname(way); ; around = dirname(around)) {
      const found = await statIfThere(around, stat);
      if (found !== null && !isKept(found))
        throw notOwn(around, `chown root ${around} && chmod go-w ${around}, or choose another`);
      if (around === '/') break;
    }
}

/** Where a path leads, or will when what is missing of it has been made. */
export async function realPathToBe(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || path === '/') throw error;
    return join(await realPathToBe(dirname(path)), basename(path));
  }
}

/** Nobody but root can rename or remove what is root's in it. */
function isKept({ uid, mode }: Stats): boolean {
  return uid === 0 && ((mode & 0o022) === 0 || (mode & 0o1000) !== 0);
}

/** A file in its place is nobody's trap: it fails as what it is. */
function isOwn(stat: Stats): boolean {
  if (stat.uid !== 0 || stat.isSymbolicLink()) return false;
  return !stat.isDirectory() || (stat.mode & 0o077) === 0;
}

function notOwn(path: string, hint: string): CowherdError {
  const message = `the store is not believed: others than root can write to ${path}, or could`;
  return new CowherdError('PERMISSION_DENIED', message, { hint, details: { hostile: true } });
}

async function statIfThere(
  path: string,
  how: (path: string) => Promise<Stats> = lstat,
): Promise<Stats | null> {
  try {
    return await how(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
    throw error;
  }
}
