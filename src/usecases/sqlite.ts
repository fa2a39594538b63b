import type { Config } from '../config/schema.ts';
import type { ContainerDetails } from '../docker/docker.ts';
import type { RecordedDatabase } from '../model/manifest.ts';
import type { SqliteRow } from '../model/snapshot.ts';
import { checkpointVolume, isCheckpointed } from '../quiesce/checkpoint.ts';
import { findDatabases, type ImageScan } from '../quiesce/databases.ts';
import type { DatabaseFile } from '../quiesce/read-candidates.ts';
import type { Placement } from '../storage/driver.ts';
import type { Context } from './context.ts';
import type { RestorePoint } from './restore-points.ts';

type SqliteConfig = Config['quiesce']['sqlite'];

/** OCI runtimes whose containers do not share SQLite's lock memory with this kernel: a checkpoint from outside could do harm. */
const SANDBOXES = /runsc|gvisor|kata/i;

/** True for a container whose databases are left alone for that reason. */
export function isSandboxed({ runtime }: Pick<ContainerDetails, 'runtime'>): boolean {
  return SANDBOXES.test(runtime);
}

export interface CheckpointRequest {
  readonly volumes: readonly Placement[];
  readonly config: SqliteConfig;
  /** The newest restore point of the agent: its databases are asked; without one, those of a transient image. */
  readonly previous: RestorePoint | null;
  readonly users: readonly ContainerDetails[];
}

/** Checkpoints the databases of an agent before the freeze; one row for each WAL database, never throws for one of them. */
export async function checkpointAgent(
  context: Context,
  request: CheckpointRequest,
): Promise<readonly SqliteRow[]> {
  if (!request.config.enabled || request.users.some(isSandboxed)) return [];
  const rows = await Promise.all(
    request.volumes.map(async (placement) =>
      checkpointVolume({
        volumeName: placement.volume,
        root: placement.mountpoint,
        databases: await knownDatabases(context, placement, request.previous),
        mode: request.config.mode,
        busyTimeoutMs: request.config.busyTimeoutMs,
        runtimeDir: context.runtimeDir,
        signal: context.interrupt,
      }),
    ),
  );
  return rows.flat();
}

async function knownDatabases(
  context: Context,
  placement: Placement,
  previous: RestorePoint | null,
): Promise<readonly DatabaseFile[]> {
  const seen = previous?.manifest.volumes.some(({ name }) => name === placement.volume) ?? false;
  if (seen)
    return (previous?.manifest.databases ?? [])
      .filter(({ volume }) => volume === placement.volume)
      .map(fromRecord);
  const store = await context.openStore(placement.fsId);
  return (await store.withImage(placement, async (root) => findDatabases(root))).databases;
}

function fromRecord(record: RecordedDatabase): DatabaseFile {
  const { path, wal, uid, gid, walBytes } = record;
  const pathBytes =
    record.pathBase64 === undefined ? Buffer.from(path) : Buffer.from(record.pathBase64, 'base64');
  return { path, pathBytes, wal, uid, gid, walBytes, sizeBytes: 0, hotJournal: false };
}

/** The databases of a scanned image, as the manifest keeps them. */
export function toRecords(volume: string, scan: ImageScan): readonly RecordedDatabase[] {
  return scan.databases.map(({ path, pathBytes, wal, uid, gid, walBytes }) => ({
    volume,
    path,
    ...(Buffer.from(path).equals(pathBytes) ? {} : { pathBase64: pathBytes.toString('base64') }),
    wal,
    uid,
    gid,
    walBytes,
  }));
}

/** True when every WAL database in the images had a complete checkpoint in this run. */
export function allCheckpointed(
  databases: readonly RecordedDatabase[],
  rows: readonly SqliteRow[],
): boolean {
  const done = new Set(rows.filter(isCheckpointed).map((row) => keyOf(row)));
  return databases.filter(({ wal }) => wal).every((database) => done.has(keyOf(database)));
}

function keyOf({
  volume,
  path,
  pathBase64,
}: {
  volume: string;
  path: string;
  pathBase64?: string;
}): string {
  return JSON.stringify([volume, pathBase64 ?? path]);
}
