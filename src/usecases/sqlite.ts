import type { Config } from '../config/schema.ts';
import type { ContainerDetails } from '../docker/docker.ts';
import { filePath } from '../model/file-path.ts';
import type { RecordedDatabase } from '../model/manifest.ts';
import type { SqliteRow } from '../model/snapshot.ts';
import { checkpointVolume, isCheckpointed } from '../quiesce/checkpoint.ts';
import type { ImageScan } from '../quiesce/databases.ts';
import { privilegedGids } from '../quiesce/privileged-groups.ts';
import type { Placement } from '../storage/driver.ts';
import { beginCheckpoints, type CheckpointBudget } from './checkpoint-budget.ts';
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
  readonly budget: CheckpointBudget;
}

/**
 * Checkpoints the databases of an agent before the freeze, within what is left of the run's budget; one row for each WAL
 * database, never throws for one of them.
 */
export async function checkpointAgent(
  context: Context,
  request: CheckpointRequest,
): Promise<readonly SqliteRow[]> {
  const { volumes, config, databases, users, budget } = request;
  const sandbox = users.find(isSandboxed);
  if (sandbox !== undefined)
    context.tell(`${sandbox.name} runs in a sandbox: its SQLite databases are not checkpointed`);
  if (!config.enabled || sandbox !== undefined) return [];
  const gids = await privilegedGids(context.config.docker?.socket ?? null);
  const own = volumes.map((placement) => ({
    placement,
    files: (databases.get(placement.volume) ?? []).filter(({ wal }) => wal),
  }));
  const { budgetMs, shares, done } = beginCheckpoints(
    budget,
    context.ticks,
    own.map(({ files }) => files.length),
  );
  const rows = await Promise.all(
    own.map(async ({ placement: { volume, mountpoint }, files }, index) =>
      checkpointVolume({
        volumeName: volume,
        root: mountpoint,
        databases: files,
        most: shares[index] ?? 0,
        privilegedGids: gids,
        slots: budget.slots,
        budgetMs,
        mode: config.mode,
        busyTimeoutMs: config.busyTimeoutMs,
        runtimeDir: context.runtimeDir,
        signal: context.interrupt,
      }),
    ),
  ).finally(done);
  return rows.flat();
}

/** The databases of a scanned image, as the manifest keeps them. */
export function toRecords(volume: string, scan: ImageScan): readonly RecordedDatabase[] {
  return scan.databases.map(({ pathBytes, wal, uid, gid, walBytes, sizeBytes, flaw }) => ({
    volume,
    ...filePath(pathBytes),
    wal,
    uid,
    gid,
    walBytes,
    sizeBytes,
    ...(flaw === null ? {} : { flaw }),
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
