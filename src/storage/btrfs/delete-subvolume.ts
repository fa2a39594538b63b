import { rename } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import { runOnPaths } from '../../exec/run-on-paths.ts';
import { someNestedIn, type Nested } from './nested-in.ts';
import { LONGEST_PATH } from './root-tree.ts';
import { statIfThere } from './subvolume.ts';

/** Of a path that is too long, what is moved up at a time. */
const MOVED_UP = 2_000;
/** A subvolume whose path is longer is moved before what is in it is looked at. */
const NEARBY = 1_000;
const SLASH = Buffer.from('/');

/** Deletes a subvolume and what is nested in it; gone already is success, also when a killed run's tool was quicker. */
export async function deleteSubvolume(path: string): Promise<void> {
  if ((await statIfThere(path)) === null) return;
  try {
    await deletePlain(path);
  } catch (error) {
    if ((await statIfThere(path)) === null) return;
    const { stdout } = await run('btrfs', ['inspect-internal', 'rootid', '--', path]);
    const id = stdout.trim();
    if ((await someNestedIn(path, id)).length === 0) throw error;
    await deleteWithNested(Buffer.from(path), { id, top: path });
  }
}

async function deletePlain(path: string | Buffer): Promise<void> {
  await runOnPaths('btrfs', ['subvolume', 'delete', '--'], [path]);
}

/** By its id, with what lies in it; `top` is where what is deleted as a whole lies. */
interface Doomed {
  readonly id: string;
  readonly top: string;
}

/** Deepest first. One that was made read-only holds fast what is in it. */
async function deleteWithNested(place: Buffer, { id, top }: Doomed): Promise<void> {
  for (;;) {
    const nested = await someNestedIn(top, id);
    if (nested.length === 0) return deletePlain(place);
    await makeWritable(place);
    await deleteSome(place, nested, top);
  }
}

/** What lies too deep is only moved up: that takes along others that were listed with it. */
async function deleteSome(place: Buffer, nested: readonly Nested[], top: string): Promise<void> {
  for (const { id, path } of nested) {
    const whole = joined(place, path);
    if (whole.length > LONGEST_PATH) return moveUp(place, path);
    await deleteWithNested(await nearby(top, whole), { id, top });
  }
}

async function makeWritable(place: Buffer): Promise<void> {
  await runOnPaths('btrfs', ['property', 'set', '-t', 'subvol', '--'], [place, 'ro', 'false']);
}

/** Directories on the way to what lies too deep in a subvolume are moved up to its top until the way is short enough. */
async function moveUp(subvolume: Buffer, way: Buffer): Promise<void> {
  let below = way;
  while (joined(subvolume, below).length > LONGEST_PATH) {
    const cut = below.lastIndexOf(SLASH, MOVED_UP);
    const name = freshName();
    await rename(joined(subvolume, below.subarray(0, cut)), joined(subvolume, name));
    below = Buffer.concat([name, below.subarray(cut)]);
  }
}

/** Moves a subvolume that lies deep up to the top of what is deleted, so that what is in it does not lie too deep either. */
async function nearby(top: string, place: Buffer): Promise<Buffer> {
  if (place.length <= NEARBY) return place;
  const near = joined(Buffer.from(top), freshName());
  await makeWritable(place);
  await rename(place, near);
  return near;
}

let moves = 0;

function freshName(): Buffer {
  moves += 1;
  return Buffer.from(`.cowherd-${String(process.pid)}-${String(moves)}`);
}

function joined(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, SLASH, name]);
}
