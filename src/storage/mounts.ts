import { readFile } from 'node:fs/promises';
import { parseMountinfo, type Mount } from '../model/mountinfo.ts';

/** The mounts of our own mount namespace. */
export async function readMounts(): Promise<readonly Mount[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
}
