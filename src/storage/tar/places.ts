import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { lockFile } from '../../exec/flock.ts';
import { exists, readIfThere, syncDirectory, writeDurably } from '../../exec/durable.ts';
import { CowherdError } from '../../model/errors.ts';
import type { Placement } from '../driver.ts';
import { createLayout, type Layout } from '../files/layout.ts';
import { expectKeptAbove, expectOwnPath, realPathToBe } from '../files/own.ts';

/** A directory outside of the store in which one filesystem's restore points and archives are. */
interface Place {
  readonly path: string;
  /** What is in its file `id`, so that a directory on which a disk is to be mounted is not taken for what is on the disk. */
  readonly id: string;
}

/** The places of one filesystem besides its store. */
export interface Places {
  readonly there: readonly Layout[];
  readonly missing: readonly string[];
}

const NOTE = 'archive-places';
const ID = 'id';
const LOCK_WAIT_MS = 60_000;
const LINE = /^([0-9a-f]{16}) (\/.+)$/;

function noteIn({ store }: Layout): string {
  return `${store}/${NOTE}`;
}

/** The store of a filesystem, but for its restore points and archives, which are in a directory. */
function placedAt(layout: Layout, path: string): Layout {
  return { ...layout, snapshots: `${path}/snapshots`, archives: `${path}/archives` };
}

/**
 * Every directory in which restore points of a filesystem were put, and the one in which the next are to be. Throws PERMISSION_DENIED for one
 * that is not root's alone, IO_ERROR when the store's note of them cannot be read.
 */
export async function placesOf(layout: Layout, wanted: string | null): Promise<Places> {
  const noted = await notedPlaces(layout);
  const isNew = wanted !== null && noted.every(({ path }) => path !== wanted);
  const found = isNew ? await idIn(wanted) : null;
  const all = found === null ? noted : [...noted, { path: wanted ?? '', id: found }];
  const there: Layout[] = [];
  const missing: string[] = [];
  for (const { path, id } of all)
    if ((await idIn(path)) === id) there.push(placedAt(layout, path));
    else missing.push(path);
  return { there, missing };
}

/** Throws IO_ERROR where something that is somewhere cannot be seen. */
export function expectAll(layout: Layout, { missing }: Places): void {
  const [path] = missing;
  if (path === undefined) return;
  throw new CowherdError('IO_ERROR', `the archives that were put in ${path} are not there`, {
    hint: `mount what they are on; if they are gone for good, remove its line from ${noteIn(layout)}`,
    details: { path },
  });
}

export interface OpenPlaceRequest {
  readonly path: string;
  /** Held meanwhile. */
  readonly lock: string;
  /** It must not lie in one of them. */
  readonly volumes: readonly Placement[];
}

/** Opens a directory for new archives, and makes it where it never was. Throws IO_ERROR, CONFIG_INVALID, PERMISSION_DENIED, LOCKED. */
export async function openPlace(
  layout: Layout,
  { path, lock, volumes }: OpenPlaceRequest,
): Promise<Layout> {
  const held = await lockFile(lock, LOCK_WAIT_MS);
  if (held === null)
    throw new CowherdError('LOCKED', 'another run has been making the archives for a minute');
  try {
    await createLayout(layout);
    await expectOutside(path, volumes);
    await expectKeptAbove(path);
    const noted = await notedPlaces(layout);
    const known = noted.find((place) => place.path === path);
    const id = await idIn(path);
    if (known !== undefined && known.id !== id) expectAll(layout, { there: [], missing: [path] });
    await mkdir(path, { recursive: true, mode: 0o700 });
    await expectOwnPath(path);
    if (known === undefined) await note(layout, noted, { path, id: id ?? (await newId(path)) });
    return placedAt(layout, path);
  } finally {
    held.release();
  }
}

async function expectOutside(path: string, volumes: readonly Placement[]): Promise<void> {
  const real = await realPathToBe(path);
  const around = volumes.find(({ mountpoint }) => `${real}/`.startsWith(`${mountpoint}/`));
  if (around === undefined) return;
  throw new CowherdError(
    'CONFIG_INVALID',
    `archives: ${path} lies in the volume ${around.volume}`,
    {
      hint: 'set it to a directory that no container reaches',
    },
  );
}

async function newId(path: string): Promise<string> {
  const id = randomBytes(8).toString('hex');
  await writeDurably(`${path}/${ID}`, `${id}\n`);
  return id;
}

async function note(layout: Layout, noted: readonly Place[], place: Place): Promise<void> {
  const lines = [...noted, place].map(({ path, id }) => `${id} ${path}\n`);
  await writeDurably(noteIn(layout), lines.join(''));
  await syncDirectory(layout.store);
}

/** Nothing is read where others can write: what they put there may be a trap. Throws PERMISSION_DENIED. */
async function idIn(path: string): Promise<string | null> {
  if (!(await exists(path))) return null;
  await expectOwnPath(path);
  return (await readIfThere(`${path}/${ID}`))?.trim() ?? null;
}

async function notedPlaces(layout: Layout): Promise<readonly Place[]> {
  const lines = ((await readIfThere(noteIn(layout))) ?? '').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [, id, path] = LINE.exec(line) ?? [];
    if (id !== undefined && path !== undefined) return { id, path };
    throw new CowherdError('IO_ERROR', `${noteIn(layout)} cannot be read`, {
      hint: 'each line has the id of a directory of archives (its file `id`), a space and its path',
    });
  });
}
