import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SnapshotDocument } from '../../../src/model/snapshot.ts';
import { labContext } from '../context.ts';
import { readSeq, volumeName, type Role } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { unmount } from '../lab/mounts.ts';
import { must, run } from '../lab/run.ts';

/** Where a volume's image is: a host directory, or a ZFS snapshot's full name. */
export function locationOf({ volumes }: SnapshotDocument, volume: string): string {
  const found = volumes.find(({ name }) => name === volume);
  assert.ok(found, `no image of ${volume}`);
  return found.location;
}

/** Gives an image as a host directory to `use`; a ZFS snapshot is mounted for so long, in the lab's own directory, and an archive extracted. */
export async function inLocation<T>(
  lab: Pick<Lab, 'root' | 'config' | 'fsUuid'>,
  location: string,
  use: (root: string) => Promise<T> | T,
): Promise<T> {
  if (/\/archives\/[^/]+$/.test(location)) {
    const store = await (await labContext(lab)).openStore(lab.fsUuid);
    return store.readImages([location], async ([root = '']) => use(root));
  }
  if (location.startsWith('/')) return use(location);
  const directory = mkdtempSync(join(lab.root, 'look-'));
  try {
    await must(['mount', '-t', 'zfs', location, directory]);
    return await use(directory);
  } finally {
    await unmount(directory);
    rmdirSync(directory);
  }
}

/** The same for the image of a volume. */
export async function inImage<T>(
  lab: Lab,
  point: SnapshotDocument,
  volume: string,
  use: (root: string) => Promise<T> | T,
): Promise<T> {
  return inLocation(lab, locationOf(point, volume), use);
}

/** The same for one of an agent's three volumes. */
export async function inRole<T>(
  lab: Lab,
  point: SnapshotDocument,
  role: Role,
  use: (root: string) => Promise<T> | T,
): Promise<T> {
  return inImage(lab, point, volumeName(point.agent, role), use);
}

/** True while there is such an image. */
export async function isThere(location: string): Promise<boolean> {
  if (location.startsWith('/')) return existsSync(location);
  return (await run(['zfs', 'list', '-t', 'snapshot', location])).exitCode === 0;
}

/** What the agent's sequence was at the cut. */
export async function cutOf(
  lab: Lab,
  point: SnapshotDocument,
): Promise<{ workspace: number; public: number }> {
  return {
    workspace: await inRole(lab, point, 'workspace', readSeq),
    public: await inRole(lab, point, 'public', readSeq),
  };
}

/** Fails unless all volumes show one moment and the database is whole; gives its number of rows. */
export async function expectConsistent(lab: Lab, point: SnapshotDocument): Promise<number> {
  const cut = await cutOf(lab, point);
  const ahead = cut.workspace - cut.public;
  assert.ok(ahead === 0 || ahead === 1, `${point.id}: ${JSON.stringify(cut)}`);
  const { check, rows, last } = await inRole(lab, point, 'workspace', readDatabase);
  assert.is(check, 'ok');
  assert.ok(last <= cut.workspace, `${String(last)} > ${String(cut.workspace)}`);
  return rows;
}

/** Opens a copy of an image's database with its log. */
export async function readDatabase(
  image: string,
): Promise<{ check: string; rows: number; last: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-image-'));
  try {
    for (const suffix of ['', '-wal']) {
      const from = join(image, `data/agent.db${suffix}`);
      if (existsSync(from)) copyFileSync(from, join(directory, `agent.db${suffix}`));
    }
    const sql = 'PRAGMA integrity_check; SELECT count(*), max(n) FROM t;';
    const said = await must(['sqlite3', '-batch', join(directory, 'agent.db'), sql]);
    const [check = '', counts = ''] = said.split('\n');
    const [rows = 0, last = 0] = counts.split('|').map(Number);
    return { check, rows, last };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A file's text. */
export function text(...path: string[]): string {
  return readFileSync(join(...path), 'utf8');
}

/** Trees that transactions keep beside a volume's data. */
export function besides(lab: Lab, volume: string): string[] {
  const names = readdirSync(join(lab.dataRoot, 'volumes', volume));
  return names.filter((name) => name.startsWith('.cowherd-'));
}
