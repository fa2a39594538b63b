import { posix } from 'node:path';
import type { Manifest, StoredSnapshot } from '../../model/manifest.ts';
import { CowherdError } from '../../model/errors.ts';
import type { FiledSnapshot } from '../files/filed.ts';
import { destroy, propertiesOf, snapshotGuids } from './datasets.ts';
import type { Home } from './home.ts';
import { datasetOf, nameInPlace } from './names.ts';
import { rowsOf } from './parse.ts';
import { says, zfs } from './tool.ts';

/** Set on each snapshot of ours when it is taken (who took it), and when it is published (of which restore point). */
export const CAPTURE = 'cowherd:capture';
export const ID = 'cowherd:id';
export const VOLUME = 'cowherd:volume';
/** The tag of our holds. */
const HOLD = 'cowherd';
/** How many holds a snapshot has (zfsprops(7)). */
const HOLDS = 'userrefs';

/**
 * Full names by guid of the images of manifests, wherever a rollback or a rename has brought them; what is gone is missing. A
 * replica that was received into the same pool has the same guids: what lies where the images were taken comes first, and of the
 * rest only what bears the mark that `zfs snapshot` gave it.
 */
export async function locateImages(
  { pool, parent }: Pick<Home, 'pool' | 'parent'>,
  manifests: readonly Manifest[],
): Promise<ReadonlyMap<string, string>> {
  const volumes = manifests.flatMap((manifest) =>
    manifest.volumes.filter(({ fsId }) => fsId === pool.guid),
  );
  if (volumes.length === 0) return new Map();
  const elsewhere = volumes.flatMap(({ dataset }) =>
    dataset === undefined || posix.dirname(dataset) === parent ? [] : [dataset],
  );
  const near = new Map([
    ...(elsewhere.length === 0
      ? []
      : await snapshotGuids(['-d', '1', '--', ...new Set(elsewhere)])),
    ...(await snapshotGuids(['-r', '--', parent])),
  ]);
  if (volumes.every(({ guid }) => near.has(guid))) return near;
  return new Map([...(await takenIn(pool.name)), ...near]);
}

/** Names by guid of the snapshots of a whole pool that were taken there by us: a mark that came with a stream is not local. */
async function takenIn(pool: string): Promise<ReadonlyMap<string, string>> {
  const argv = ['get', '-H', '-r', '-t', 'snapshot', '-s', 'local', '-o', 'name', CAPTURE, pool];
  const taken = new Set(rowsOf(await zfs(argv)).map(([name]) => name));
  const all = await snapshotGuids(['-r', '--', pool]);
  return new Map([...all].filter(([, name]) => taken.has(name)));
}

/** A restore point with the full names of its images, or null when one of them is gone. */
export function located(
  { manifest, pinned, unpinned }: Pick<FiledSnapshot, 'manifest' | 'pinned' | 'unpinned'>,
  fsId: string,
  names: ReadonlyMap<string, string>,
): StoredSnapshot | null {
  const here = manifest.volumes.filter((volume) => volume.fsId === fsId);
  const locations = here.flatMap(({ image, guid }) => {
    const name = names.get(guid);
    return name === undefined ? [] : [[image, name] as const];
  });
  if (locations.length < here.length) return null;
  return { manifest, pinned, unpinned, locations: Object.fromEntries(locations) };
}

/** Names images as those of a published restore point. */
export async function markImages(
  id: string,
  images: readonly { readonly volume: string; readonly snapshot: string }[],
): Promise<void> {
  for (const { volume, snapshot } of images)
    await zfs(['set', `${ID}=${id}`, `${VOLUME}=${volume}`, snapshot]);
}

/** Our hold; there already is success. */
export async function holdImages(snapshots: readonly string[]): Promise<void> {
  for (const snapshot of snapshots) {
    await zfs(['hold', HOLD, snapshot]).catch((error: unknown) => {
      if (!says(error, /tag already exists/i)) throw error;
    });
  }
}

/** Releases our hold; none there is success. */
export async function releaseImages(snapshots: readonly string[]): Promise<void> {
  for (const snapshot of snapshots) {
    await zfs(['release', HOLD, snapshot]).catch((error: unknown) => {
      if (!says(error, /no such tag|does not exist/i)) throw error;
    });
  }
}

/** Throws IO_ERROR when another tool holds one of them, or somebody has made a clone of it. */
export async function expectDestroyable(snapshots: readonly string[]): Promise<void> {
  const found = await propertiesOf(snapshots, [HOLDS, 'clones']);
  await expectNotHeld(snapshots.filter((snapshot) => isHeld(found.get(snapshot))));
  for (const snapshot of snapshots) {
    const clone = await foreignClone(found.get(snapshot)?.get('clones')?.split(',') ?? []);
    if (clone === null) continue;
    throw new CowherdError('IO_ERROR', `${clone} is a clone of ${snapshot}`, {
      hint: `nothing was destroyed; destroy the clone, or make it independent: zfs promote ${clone}`,
    });
  }
}

async function expectNotHeld(snapshots: readonly string[]): Promise<void> {
  if (snapshots.length === 0) return;
  const held = rowsOf(await zfs(['holds', '-H', '--', ...snapshots], { missingOk: true }));
  const foreign = held.find(([, tag]) => tag !== HOLD);
  if (foreign === undefined) return;
  const [snapshot = '', tag = ''] = foreign;
  throw new CowherdError('IO_ERROR', `${snapshot} is held by another tool (${tag})`, {
    hint: `nothing was destroyed; once that tool needs it no more: zfs release ${tag} ${snapshot}`,
  });
}

function isHeld(values: ReadonlyMap<string, string> | undefined): boolean {
  return Number(values?.get(HOLDS) ?? 0) > 0;
}

/** A clone that is not a volume of ours, in place or set aside. */
async function foreignClone(clones: readonly string[]): Promise<string | null> {
  for (const clone of clones) {
    if (nameInPlace(clone) !== null) continue;
    const marked = await zfs(['get', '-H', '-s', 'local', '-o', 'value', VOLUME, clone]);
    if (marked.trim() === '') return clone;
  }
  return null;
}

/**
 * Destroys images; one that retired data is a clone of goes by itself with that data (`zfs destroy -d`). Only what bears our
 * mark is touched, and gone already is success.
 */
export async function destroyImages(snapshots: readonly string[]): Promise<void> {
  const found = await propertiesOf(snapshots, [CAPTURE, HOLDS]);
  for (const [snapshot, values] of found) {
    if (!values.has(CAPTURE)) continue;
    if (isHeld(values)) await releaseImages([snapshot]);
    await destroy(snapshot, '-d');
  }
}

/** The datasets that have these snapshots. */
export function datasetsWith(snapshots: readonly string[]): readonly string[] {
  return [...new Set(snapshots.map(datasetOf))];
}
