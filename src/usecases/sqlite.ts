import type { Config } from '../config/schema.ts';
import type { ContainerDetails } from '../docker/docker.ts';
import type { RecordedDatabase } from '../model/manifest.ts';
import type { SqliteRow } from '../model/snapshot.ts';
import { checkpointVolume, isCheckpointed } from '../quiesce/checkpoint.ts';
import type { ImageScan } from '../quiesce/databases.ts';
import type { Placement } from '../storage/driver.ts';
import type { Context } from './context.ts';
import type { KnownDatabases } from './known-databases.ts';

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
  readonly databases: KnownDatabases;
  readonly users: readonly ContainerDetails[];
}

/** Checkpoints the databases of an agent before the freeze; one row for each WAL database, never throws for one of them. */
export async function checkpointAgent(
  context: Context,
  request: CheckpointRequest,
): Promise<readonly SqliteRow[]> {
  const { volumes, config, databases, users } = request;
  const sandbox = users.find(isSandboxed);
  if (sandbox !== undefined)
    context.tell(`${sandbox.name} runs in a sandbox: its SQLite databases are not checkpointed`);
  if (!config.enabled || sandbox !== undefined) return [];
  const rows = await Promise.all(
    volumes.map(async ({ volume, mountpoint }) =>
      checkpointVolume({
        volumeName: volume,
        root: mountpoint,
        databases: databases.get(volume) ?? [],
        mode: config.mode,
        busyTimeoutMs: config.busyTimeoutMs,
        runtimeDir: context.runtimeDir,
        signal: context.interrupt,
      }),
    ),
  );
  return rows.flat();
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
