import { must } from './lab/run.ts';

const LENGTH = 7;

/** Changes the first seven bytes of a file in a shared mapping, and ends without msync(2). */
export async function writeMapped(file: string, letter: string): Promise<void> {
  const code = `0x${Buffer.from(letter).toString('hex')}`;
  const map = ['-c', 'mmap -rw 0 4096', '-c', `mwrite -S ${code} 0 ${String(LENGTH)}`];
  await must(['xfs_io', ...map, file]);
}

/** The first bytes of a file as a program sees them that maps it now. */
export async function readMapped(file: string): Promise<string> {
  const map = ['-r', '-c', 'mmap -r 0 4096', '-c', `mread -v 0 ${String(LENGTH)}`];
  const dump = await must(['xfs_io', ...map, file]);
  return /^\S+:\s+(?:[0-9a-f]{2} )+\s*(.*)$/m.exec(dump)?.[1] ?? dump;
}
