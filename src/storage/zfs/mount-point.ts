import { chmod, lstat, mkdir, opendir, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { run } from '../../exec/run.ts';
import { CowherdError, systemCode } from '../../model/errors.ts';
import { withDirectory } from './images.ts';

/**
 * The bare directory below a mounted dataset: empty and immutable, so that while the dataset is not mounted (its key
 * missing) nothing is written that the next mount would hide.
 */
export async function makeMountPoint(path: string): Promise<void> {
  if (await isMountPoint(path)) return;
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  if (!(await isEmptyDirectory(path)))
    throw new CowherdError('IO_ERROR', `${path} is not empty: nothing is mounted over it`, {
      hint: 'look at what it holds; move it away, then run: cowherd recover',
    });
  await chmod(path, 0o700);
  await run('chattr', ['+i', '--', path]);
}

/**
 * Makes the directory below a mounted dataset immutable: it is seen through another mount of what is around it. Throws
 * TIER_UNSUPPORTED when it holds something, which would come to light where the data belongs.
 */
export async function sealBelow(runtimeDir: string, path: string): Promise<void> {
  await withDirectory(runtimeDir, dirname(path), async (around) => {
    const below = join(around, basename(path));
    if (!(await isEmptyDirectory(below)))
      throw new CowherdError(
        'TIER_UNSUPPORTED',
        `${path} is not empty below what is mounted there`,
        {
          hint: 'unmount the dataset, move what is below it away, mount it, then run it again',
        },
      );
    if (!(await isMountPoint(below))) await run('chattr', ['+i', '--', below]);
  });
}

/** True for a directory without entries; it is not read to its end. */
export async function isEmptyDirectory(path: string): Promise<boolean> {
  try {
    if (!(await lstat(path)).isDirectory()) return false;
    const directory = await opendir(path);
    try {
      return (await directory.read()) === null;
    } finally {
      await directory.close();
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** True for such a directory with nothing mounted over it. */
export async function isMountPoint(path: string): Promise<boolean> {
  if (!(await isEmptyDirectory(path))) return false;
  const { stdout } = await run('lsattr', ['-d', '--', path], { okExits: [1] });
  return /^[A-Za-z-]*i[A-Za-z-]* /.test(stdout);
}

/** Removes it, so that something else can come to its place. Not there is success. */
export async function removeMountPoint(path: string): Promise<void> {
  if (!(await isMountPoint(path))) return;
  await run('chattr', ['-i', '--', path]);
  await rmdir(path);
}
