import * as z from 'zod';
import type { Manifest } from '../model/manifest.ts';
import { CAUSES, GRADES } from '../model/snapshot.ts';

const text = z.string();
const tier = z.enum(['zfs', 'btrfs', 'reflink', 'tar', 'unsupported']);

const sqliteRow = z.object({
  volume: text,
  path: text,
  pathBase64: text.optional(),
  mode: z.enum(['passive', 'truncate']),
  busy: z.number(),
  log: z.number(),
  checkpointed: z.number(),
  note: text.optional(),
  cause: z.enum(CAUSES).optional().catch(undefined),
});

const database = z.object({
  volume: text,
  path: text,
  pathBase64: text.optional(),
  wal: z.boolean(),
  uid: z.number(),
  gid: z.number(),
  walBytes: z.number(),
  sizeBytes: z.number().optional(),
  // A later version may know more of them.
  flaw: z.enum(['header', 'links', 'beside']).optional().catch(undefined),
});

const liveDatabase = z.object({
  volume: text,
  path: text,
  pathBase64: text.optional(),
  whole: z.boolean(),
  note: text.optional(),
  cause: z.enum(CAUSES).optional().catch(undefined),
});

const imageName = text.regex(/^(?!\.{1,2}$)[A-Za-z0-9_.%~-]+$/);

const volume = z.object({
  name: text,
  kind: z.enum(['docker', 'path']),
  role: text,
  tier,
  fsId: text,
  image: imageName,
  guid: text,
  nested: z.array(z.object({ path: text, pathBase64: text.optional(), image: imageName })),
  isolated: z.boolean(),
  unsearched: z.literal(true).optional().catch(undefined),
  dataset: text.optional(),
  mountpoint: text,
  labels: z.record(text, text),
  incarnation: z.object({
    createdAt: text.nullable(),
    sourceGuid: text,
    directory: text.nullable(),
  }),
});

const container = z.object({
  id: text,
  name: text,
  image: text,
  imageId: text,
  digests: z.array(text),
  state: text,
});

const manifest = z.object({
  format: z.literal(1),
  id: text,
  agent: text,
  aliases: z.array(text),
  host: text,
  cowherd: text,
  createdAt: z.iso.datetime(),
  grade: z.enum(GRADES),
  atRest: z.boolean(),
  frozenMs: z.number(),
  safety: z.boolean(),
  tags: z.record(text, text),
  home: text,
  containers: z.array(container),
  volumes: z.array(volume),
  skipped: z.array(z.object({ volume: text, message: text })),
  sqlite: z.array(sqliteRow),
  databases: z.array(database),
  liveDatabases: z.array(liveDatabase).optional(),
  cut: z.object({ sqlite: z.number(), databases: z.number() }).optional(),
});

/** A manifest as written by this or a later version (fields are only ever added), or null when it is damaged. */
export function parseManifest(json: string): Manifest | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  const parsed = manifest.safeParse(value);
  return parsed.success ? (parsed.data as Manifest) : null;
}
