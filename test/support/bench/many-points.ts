import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../../../src/model/manifest.ts';
import { nextSnapshotId } from '../../../src/model/snapshot-id.ts';
import type { Lab } from '../lab/lab.ts';
import { storeOf } from '../store.ts';

const MANIFEST = 'manifest.json';
const MINUTE_MS = 60_000;

/**
 * Makes an agent's restore points as many as `count` by copies of the manifest of its newest, a minute apart and older than
 * it, without images: enough for whatever reads manifests alone, as a listing does on btrfs. `from` of them are there.
 */
export function makeManyPoints(
  lab: Lab,
  agent: string,
  { from, count }: { readonly from: number; readonly count: number },
): void {
  const snapshots = join(storeOf(lab), 'snapshots');
  const newest = readdirSync(snapshots)
    .filter((name) => name.startsWith(`${agent}@`))
    .sort()
    .at(-1);
  if (newest === undefined) throw new Error(`${agent} has no restore point to copy`);
  const manifest = JSON.parse(readFileSync(join(snapshots, newest, MANIFEST), 'utf8')) as Manifest;
  for (let number = from; number < count; number += 1) {
    const createdAt = new Date(Date.parse(manifest.createdAt) - number * MINUTE_MS);
    const id = nextSnapshotId(agent, createdAt, () => false);
    const copy: Manifest = { ...manifest, id, createdAt: createdAt.toISOString() };
    mkdirSync(join(snapshots, id), { mode: 0o700 });
    writeFileSync(join(snapshots, id, MANIFEST), `${JSON.stringify(copy, null, 1)}\n`);
  }
}
