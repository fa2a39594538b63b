import { appendFileSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../src/model/errors.ts';
import { run } from '../lab/run.ts';

const BLOCK = 1 << 20;
/** TMPFS_MAGIC (statfs(2)): it has names to use up, too. */
const TMPFS = 0x01021994;
/** Small enough to lie in metadata. */
const SMALL = 1_500;

/** Writes into a directory until nothing more can be written; what it wrote before counts. */
export function fillUp(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const name = (word: string, n: number) => join(directory, `${word}-${String(process.pid)}-${n}`);
  untilFull(() => {
    appendFileSync(name('data', 0), Buffer.alloc(BLOCK, 'x'));
  });
  let count = 0;
  untilFull(() => {
    writeFileSync(name('small', (count += 1)), Buffer.alloc(SMALL, 'x'));
  });
  if (statfsSync(directory).type !== TMPFS) return;
  untilFull(() => {
    writeFileSync(name('empty', (count += 1)), '');
  });
}

function untilFull(write: () => void): void {
  try {
    for (;;) write();
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
  }
}

/** Fills a filesystem but for some bytes. */
export async function fillBut(directory: string, leftBytes: number): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const { bavail, bsize } = statfsSync(directory);
  const blocks = Math.max(0, Math.floor((bavail * bsize - leftBytes) / BLOCK));
  for (let n = 0; n < blocks; n += 1)
    appendFileSync(join(directory, 'most'), Buffer.alloc(BLOCK, 'x'));
  await run(['sync', '-f', directory]);
}

/** Makes room again. */
export async function makeRoom(directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  await run(['sync', '-f', join(directory, '..')]);
}
