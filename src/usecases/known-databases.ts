import { pathBytes } from '../model/file-path.ts';
import type { RecordedDatabase } from '../model/manifest.ts';
import { toCowherdError } from '../model/errors.ts';
import { findDatabases } from '../quiesce/databases.ts';
import type { DatabaseFile } from '../quiesce/read-candidates.ts';
import type { Placement } from '../storage/driver.ts';
import type { Context } from './context.ts';
import type { RestorePoint } from './restore-points.ts';

/** A volume, and the newest restore point that may hold it. */
export interface Lookup {
  readonly placement: Placement;
  readonly previous: RestorePoint | null;
}

/** Databases by volume name. */
export type KnownDatabases = ReadonlyMap<string, readonly DatabaseFile[]>;

/**
 * The databases of volumes: as the last restore point recorded them, or found in a transient read-only image, one for all
 * volumes that lie in the same dataset. What cannot be looked into is told and has none.
 */
export async function knownDatabases(
  context: Context,
  lookups: readonly Lookup[],
): Promise<KnownDatabases> {
  const known = new Map<string, readonly DatabaseFile[]>();
  const unseen: Placement[] = [];
  for (const { placement, previous } of lookups) {
    const recorded = recordedIn(previous, placement.volume);
    if (recorded === null) unseen.push(placement);
    else known.set(placement.volume, recorded);
  }
  for (const fsId of new Set(unseen.map((placement) => placement.fsId))) {
    const here = unseen.filter((placement) => placement.fsId === fsId);
    await search(context, here, known).catch((error: unknown) => {
      context.tell(
        `warning: SQLite databases were not looked for: ${toCowherdError(error).message}`,
      );
    });
  }
  return known;
}

function recordedIn(previous: RestorePoint | null, name: string): readonly DatabaseFile[] | null {
  if (previous?.manifest.volumes.some((volume) => volume.name === name) !== true) return null;
  return previous.manifest.databases.filter(({ volume }) => volume === name).map(fromRecord);
}

async function search(
  context: Context,
  volumes: readonly Placement[],
  known: Map<string, readonly DatabaseFile[]>,
): Promise<void> {
  const store = await context.openStore(volumes[0]?.fsId ?? '');
  const use = async (roots: readonly string[]): Promise<void> => {
    const scans = await findDatabases(roots);
    for (const [index, { volume }] of volumes.entries())
      known.set(volume, scans[index]?.databases ?? []);
  };
  await store.withImages(volumes, use, context.interrupt);
}

function fromRecord(record: RecordedDatabase): DatabaseFile {
  const { path, wal, uid, gid, walBytes, sizeBytes = 0, flaw = null } = record;
  return {
    ...{ path, pathBytes: pathBytes(record), wal, uid, gid },
    ...{ walBytes, sizeBytes, hotJournal: false, flaw },
  };
}
