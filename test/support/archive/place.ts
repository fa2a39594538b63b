import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { toCowherdError, type CowherdError } from '../../../src/model/errors.ts';
import { extractArchive } from '../../../src/storage/archive/extract-archive.ts';
import type { Archive } from '../../../src/storage/archive/read-index.ts';
import { verifyChain } from '../../../src/storage/archive/verify-archive.ts';
import { writeArchive } from '../../../src/storage/archive/write-archive.ts';
import { makePlainDisk, type PlainDisk, type PlainFilesystem } from '../lab/plain-disk.ts';

/** A disk with a tree to be archived, a place for archives and one to restore into. */
export interface Place {
  readonly disk: PlainDisk;
  readonly source: string;
  readonly archives: string;
  readonly runtimeDir: string;
  /** Archives the tree under a name. */
  write(name: string, base?: Archive): Promise<Archive>;
  /** As a rollback does it: verified, vetted, extracted into a fresh directory, which it gives. */
  restore(...chain: readonly Archive[]): Promise<string>;
  /** The last step alone, into a directory of this name. */
  extract(name: string, ...chain: readonly Archive[]): Promise<string>;
}

/** Tools that files about archives need. */
export const ARCHIVE_TOOLS = [
  'losetup',
  'mkfs.ext4',
  'mkfs.xfs',
  'zstd',
  'tar',
  'setfacl',
  'setfattr',
  'python3',
];

export async function makePlace(filesystem: PlainFilesystem, sizeBytes?: number): Promise<Place> {
  const disk = await makePlainDisk(filesystem, sizeBytes);
  const inDisk = (name: string): string => join(disk.mnt, name);
  const [source, archives, runtimeDir] = [
    inDisk('source'),
    inDisk('archives'),
    join(disk.directory, 'run'),
  ];
  mkdirSync(source);
  mkdirSync(archives, { mode: 0o700 });
  const options = { runtimeDir };
  const extract = async (name: string, ...chain: readonly Archive[]): Promise<string> => {
    const target = inDisk(name);
    mkdirSync(target, { mode: 0o700 });
    const scratch = inDisk(`scratch-${name}`);
    mkdirSync(scratch, { mode: 0o700 });
    await extractArchive({ chain, target, scratch, runtimeDir });
    return target;
  };
  let restored = 0;
  return {
    ...{ disk, source, archives, runtimeDir, extract },
    write: async (name, base) => {
      const request = { source, directory: archives, name, runtimeDir, base: base ?? null };
      return { path: join(archives, name), summary: await writeArchive(request) };
    },
    restore: async (...chain) => {
      await verifyChain(chain, options);
      return extract(`restored-${String((restored += 1))}`, ...chain);
    },
  };
}

/** What something is refused with. */
export async function refusalOf(work: Promise<unknown>): Promise<CowherdError> {
  const outcome = await work.then(
    () => null,
    (error: unknown) => toCowherdError(error),
  );
  if (outcome === null) throw new Error('it was not refused');
  return outcome;
}
