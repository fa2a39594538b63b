import { chmod, lstat, mkdir, readdir, rmdir } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import { CowherdError, systemCode } from '../../model/errors.ts';

/**
 * The bare directory below a mounted dataset: empty and immutable, so that while the dataset is not mounted (its key
 * missing) nothing is written that the next mount would hide.
 */
export async function makeMountPoint(path: string): Promise<void> {
  if (await isMountPoint(path)) return;
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  if ((await readdir(path)).length > 0)
    throw new CowherdError('IO_ERROR', `${path} is not empty: nothing is mounted over it`, {
      hint: 'look at what it holds; move it away, then run: cowherd recover',
    });
  await chmod(path, 0o700);
  await run('chattr', ['+i', '--', path]);
}

/** True for such a directory with nothing mounted over it. */
export async function isMountPoint(path: string): Promise<boolean> {
  const names = await readdir(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return null;
    throw error;
  });
  if (names === null || names.length > 0 || !(await lstat(path)).isDirectory()) return false;
  const { stdout } = await run('lsattr', ['-d', '--', path], { okExits: [1] });
  return /^[A-Za-z-]*i[A-Za-z-]* /.test(stdout);
}

/** Removes it, so that something else can come to its place. Not there is success. */
export async function removeMountPoint(path: string): Promise<void> {
  if (!(await isMountPoint(path))) return;
  await run('chattr', ['-i', '--', path]);
  await rmdir(path);
}
