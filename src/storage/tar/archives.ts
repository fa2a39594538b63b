import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ownerTag } from '../../exec/liveness.ts';
import { systemCode } from '../../model/errors.ts';
import { encodeName } from '../../model/names.ts';
import { damaged } from '../archive/damaged.ts';
import type { Archive } from '../archive/read-index.ts';
import { writeDurably } from '../../exec/durable.ts';
import { partialOf } from '../archive/layout.ts';
import type { Layout } from '../files/layout.ts';
import { parseFiled, type Filed } from './archive-schema.ts';

const FILE = 'archive.json';
/** `VOLUME.PID-START-RANDOM`. */
const UNIQUE = /\.\d+-\d+-[0-9a-f]{8}(\.partial)?$/;
/** A chain that is longer, older or takes more beside its first archive than that is not gone on with. */
const LONGEST = 8;
const OLDEST_MS = 7 * 86_400_000;
const LARGEST = 0.5;

/** A name that no other archive has. */
export function newArchive(volume: string): string {
  return `${encodeName(volume)}.${ownerTag()}-${randomBytes(4).toString('hex')}`;
}

/** Completes an archive: until then it is one that nobody finds. */
export async function fileArchive(path: string, entry: Filed): Promise<void> {
  await writeDurably(`${path}/${FILE}`, `${JSON.stringify(entry, null, 1)}\n`);
}

/** What an archive says of itself. Throws ARCHIVE_DAMAGED. */
async function readFiled(path: string): Promise<Filed> {
  try {
    const filed = parseFiled(await readFile(`${path}/${FILE}`, 'utf8'));
    if (filed !== null) return filed;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  throw damaged(path, `its ${FILE} is missing or cannot be read`);
}

/** A chain of archives, the oldest first. */
export interface Chain {
  readonly archives: readonly Archive[];
  /** When the first was made. */
  readonly begunAt: Date;
}

/** The archives that one needs, itself the last. `sha256`: what its restore point says of it. Throws ARCHIVE_DAMAGED. */
export async function chainOf(
  { archives: directory }: Pick<Layout, 'archives'>,
  name: string,
  sha256?: string,
): Promise<Chain> {
  const archives: Archive[] = [];
  let wanted = sha256;
  for (let at: string | null = name; ;) {
    const path: string = `${directory}/${at}`;
    const { summary, base, createdAt }: Filed = await readFiled(path);
    if (wanted !== undefined && summary.sha256 !== wanted)
      throw damaged(path, 'it is another than was captured');
    archives.unshift({ path, summary });
    if (summary.level === 0) return { archives, begunAt: new Date(createdAt) };
    if (base === null || summary.base === null || archives.length > summary.level + LONGEST)
      throw damaged(path, 'it does not say what it is on top of');
    at = base;
    wanted = summary.base;
  }
}

/** The newest of a chain that the next archive may go on top of; null: it is time for one that stands by itself. */
export function baseOf({ archives, begunAt }: Chain, now: Date): Archive | null {
  const [first, ...rest] = archives;
  const stored = rest.reduce((total, { summary }) => total + summary.storedBytes, 0);
  const isLong = archives.length >= LONGEST;
  const isOld = now.getTime() - begunAt.getTime() > OLDEST_MS;
  const isLarge = stored > LARGEST * (first?.summary.storedBytes ?? 0);
  return isLong || isOld || isLarge ? null : (archives.at(-1) ?? null);
}

/**
 * Of these archives those that nobody needs. `needed`: the newest of each chain, and what living processes are making. Where a chain cannot be read
 * every archive of its volume may be needed.
 */
export async function unneeded(
  layout: Layout,
  { names, needed }: { readonly names: readonly string[]; readonly needed: readonly string[] },
): Promise<readonly string[]> {
  const keep = new Set<string>();
  const doubtful: string[] = [];
  for (const name of needed) {
    keep.add(name).add(partialOf(name));
    if (!names.includes(name)) continue; // it is being made
    const chain = await chainOf(layout, name).catch(() => null);
    for (const { path } of chain?.archives ?? []) keep.add(basename(path));
    if (chain === null) doubtful.push(name.replace(UNIQUE, '.'));
  }
  return names.filter(
    (name) =>
      UNIQUE.test(name) && !keep.has(name) && !doubtful.some((volume) => name.startsWith(volume)),
  );
}
