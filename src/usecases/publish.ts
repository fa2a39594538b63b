import type { Docker } from '../docker/docker.ts';
import type { Container } from '../model/agent.ts';
import { batched } from '../exec/batched.ts';
import type {
  Manifest,
  RecordedContainer,
  RecordedDatabase,
  RecordedVolume,
  StoredSnapshot,
} from '../model/manifest.ts';
import {
  hasDatasets,
  type Grade,
  type LiveDatabase,
  type Skipped,
  type SqliteRow,
} from '../model/snapshot.ts';
import { findDatabases, type ImageScan } from '../quiesce/databases.ts';
import type { Capture, Image } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { withinLimit } from './manifest-limits.ts';
import { lostParts } from './not-captured.ts';
import type { Candidate } from './snapshot-plan.ts';
import { tornDatabases } from './torn-databases.ts';
import { allCheckpointed, toRecords } from './sqlite.ts';

/** What the bracket told of one agent's capture. */
export interface Captured {
  readonly id: string;
  readonly candidate: Candidate;
  readonly createdAt: Date;
  /** Nobody wrote: frozen by us, at rest, or stopped. */
  readonly still: boolean;
  readonly atRest: boolean;
  readonly frozenMs: number;
  readonly safety: boolean;
  readonly pinned: boolean;
  readonly sqliteEnabled: boolean;
  readonly rows: readonly SqliteRow[];
  /** The databases that were copied by themselves, where somebody wrote. */
  readonly live: readonly LiveDatabase[];
  readonly tags: Readonly<Record<string, string>>;
  /** The captures by filesystem. */
  readonly captures: ReadonlyMap<string, Capture>;
  readonly containers: readonly Container[];
}

export interface Published {
  readonly manifest: Manifest;
  /** What was published on each filesystem. */
  readonly parts: ReadonlyMap<string, StoredSnapshot>;
  /** What of its volumes it does not hold, beyond what was known before. */
  readonly lost: readonly Skipped[];
}

interface Finished {
  readonly fsId: string;
  readonly capture: Capture;
  readonly images: readonly Image[];
}

/** Reads images out, looks into them, writes the manifest everywhere and last on its home filesystem: from then on the restore point exists. */
export async function publish(
  context: Context,
  docker: Docker | null,
  captured: Captured,
): Promise<Published> {
  const { captures } = captured;
  const key = captured.candidate.agent.name;
  const finished = await Promise.all(
    Array.from(captures, async ([fsId, capture]): Promise<Finished> => ({
      fsId,
      capture,
      images: await capture.finish(key, context.interrupt),
    })),
  );
  const volumes = captured.candidate.volumes.map((placement) =>
    recordVolume(captured, finished, placement.volume),
  );
  // A safety snapshot is taken while the agent is down: nothing is looked for that could wait, and no run checkpoints by it.
  const scans = captured.safety ? [] : await scanAll(context, captured, volumes);
  const images = finished.flatMap((one) => one.images);
  const seen = volumes.map((volume, index) => ({
    volume,
    image: images.find((image) => image.volume === volume.name),
    scan: scans[index],
  }));
  const databases = volumes.flatMap(({ name }, index) => toRecords(name, scans[index] ?? EMPTY));
  const searched = volumes.map((volume, index) =>
    scans[index]?.truncated === true ? { ...volume, unsearched: true as const } : volume,
  );
  const { candidate, live, still } = captured;
  const lost = [
    ...lostParts(candidate, seen),
    ...(still ? [] : tornDatabases(candidate, { volumes: searched, databases, live })),
  ];
  const parts = { context, docker, captured, volumes: searched, scans, databases, lost };
  const manifest = await manifestOf(parts);
  return { manifest, parts: await publishEverywhere(context, captured, manifest), lost };
}

/** Home last: what is published before it is not listed yet, and goes again when a later one fails. */
async function publishEverywhere(
  context: Context,
  { captures, candidate, pinned }: Captured,
  manifest: Manifest,
): Promise<ReadonlyMap<string, StoredSnapshot>> {
  const homeLast = [...captures].sort(
    ([a], [b]) => Number(a === manifest.home) - Number(b === manifest.home),
  );
  const parts = new Map<string, StoredSnapshot>();
  try {
    for (const [fsId, capture] of homeLast)
      parts.set(fsId, await capture.publish(candidate.agent.name, manifest, pinned));
    return parts;
  } catch (error) {
    for (const fsId of parts.keys()) await (await context.openStore(fsId)).destroy(manifest.id);
    throw error;
  }
}

/** Agents whose brackets come one after the other are published together: one process looks into the images of all. */
const scanImages = batched<string, ImageScan>(async (roots) => findDatabases(roots), 2);

/** In the order of the volumes. */
async function scanAll(
  context: Context,
  { candidate, captures }: Captured,
  volumes: readonly RecordedVolume[],
): Promise<readonly ImageScan[]> {
  const scans = new Map<string, ImageScan>();
  for (const [fsId, capture] of captures) {
    const here = volumes.filter((volume) => volume.fsId === fsId);
    const locations = here.map(({ image }) => capture.location(candidate.agent.name, image));
    const store = await context.openStore(fsId);
    const found = await store.readImages(locations, scanImages);
    for (const [index, { name }] of here.entries()) scans.set(name, found[index] ?? EMPTY);
  }
  return volumes.map(({ name }) => scans.get(name) ?? EMPTY);
}

function recordVolume(
  { candidate }: Captured,
  finished: readonly Finished[],
  name: string,
): RecordedVolume {
  const volume = candidate.agent.volumes.find((one) => one.name === name);
  const placement = candidate.volumes.find((one) => one.volume === name);
  const image = finished
    .find(({ fsId }) => fsId === placement?.fsId)
    ?.images.find((one) => one.volume === name);
  if (!volume || !placement || !image) throw new Error(`no image was captured of ${name}`);
  return {
    name,
    kind: volume.kind,
    role: volume.role,
    tier: placement.tier,
    fsId: placement.fsId,
    image: image.image,
    guid: image.guid,
    nested: image.nested,
    isolated: placement.isolated,
    dataset: placement.dataset,
    mountpoint: volume.mountpoint,
    labels: volume.labels,
    incarnation: {
      createdAt: volume.createdAt,
      sourceGuid: image.sourceGuid,
      directory: placement.incarnation,
    },
  };
}

interface ManifestParts {
  readonly context: Context;
  readonly docker: Docker | null;
  readonly captured: Captured;
  readonly volumes: readonly RecordedVolume[];
  readonly scans: readonly ImageScan[];
  readonly databases: readonly RecordedDatabase[];
  readonly lost: readonly Skipped[];
}

async function manifestOf({
  context,
  docker,
  captured,
  volumes,
  scans,
  databases,
  lost,
}: ManifestParts): Promise<Manifest> {
  const { candidate, createdAt, frozenMs, atRest, safety, tags, rows, id } = captured;
  const grade = gradeOf(captured, databases, scans);
  const [sqlite, recorded] = [withinLimit(rows), withinLimit(databases)];
  return {
    format: 1,
    id,
    agent: candidate.agent.name,
    aliases: candidate.agent.aliases,
    host: context.host,
    cowherd: context.version,
    createdAt: createdAt.toISOString(),
    grade,
    atRest,
    frozenMs,
    safety,
    tags,
    home: [...captured.captures.keys()].sort()[0] ?? '',
    containers: await Promise.all(
      captured.containers.map(async (container) => recordContainer(docker, container)),
    ),
    volumes,
    skipped: [...candidate.skipped, ...lost].map(({ volume, message }) => ({ volume, message })),
    sqlite: sqlite.kept,
    databases: recorded.kept,
    ...(grade === 'live' ? { liveDatabases: withinLimit(captured.live).kept } : {}),
    ...(sqlite.cut + recorded.cut > 0
      ? { cut: { sqlite: sqlite.cut, databases: recorded.cut } }
      : {}),
  };
}

const EMPTY: ImageScan = { databases: [], placeholders: [], entries: 0, truncated: false };

function gradeOf(
  { still, sqliteEnabled, rows, candidate }: Captured,
  databases: readonly RecordedDatabase[],
  scans: readonly ImageScan[],
): Grade {
  if (!still) return candidate.volumes.every(({ tier }) => hasDatasets(tier)) ? 'crash' : 'live';
  const sure = sqliteEnabled && scans.length > 0 && scans.every(({ truncated }) => !truncated);
  return sure && allCheckpointed(databases, rows) ? 'checkpointed' : 'frozen';
}

async function recordContainer(
  docker: Docker | null,
  container: Container,
): Promise<RecordedContainer> {
  const { id, name, image, imageId, state } = container;
  const digests = docker === null ? [] : await docker.imageDigests(imageId).catch(() => []);
  return { id, name, image, imageId, digests, state };
}
