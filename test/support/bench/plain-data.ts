import { randomFillSync } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_UID } from '../lab/image.ts';

export interface Size {
  readonly files: number;
  readonly mib: number;
}

const EVERY = 100;

/** Files of which the part `random` does not compress, all others vanish; a hundred a directory. */
export function fill(data: string, { files, mib }: Size, random: number): void {
  for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
  for (let number = 0; number < files; number += 1) {
    const parent = join(data, `d${String(Math.floor(number / 100))}`);
    if (number % 100 === 0) {
      mkdirSync(parent);
      chownSync(parent, AGENT_UID, AGENT_UID);
    }
    const path = join(parent, `f${String(number)}`);
    writeFileSync(path, contentOf(Math.floor((mib * 1024 * 1024) / files), random));
    chownSync(path, AGENT_UID, AGENT_UID);
  }
}

const BLOCK = 4096;

/** In each block a part of random bytes, the rest all the same. */
function contentOf(sizeBytes: number, random: number): Buffer {
  const content = Buffer.alloc(sizeBytes, 'all the same ');
  for (let at = 0; at < sizeBytes; at += BLOCK)
    randomFillSync(content, at, Math.min(Math.floor(BLOCK * random), sizeBytes - at));
  return content;
}

/** Writes a hundredth of the files anew, spread over all. */
export function change(data: string, { files, mib }: Size, round: number): void {
  for (let number = round % EVERY; number < files; number += EVERY) {
    const path = join(data, `d${String(Math.floor(number / 100))}`, `f${String(number)}`);
    writeFileSync(path, contentOf(Math.floor((mib * 1024 * 1024) / files), 1 / 3));
  }
}
