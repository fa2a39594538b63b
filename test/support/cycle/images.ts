import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SnapshotDocument } from '../../../src/model/snapshot.ts';
import { readSeq, volumeName, type Role } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

/** Host directory of a volume's image. */
export function imageOf({ volumes }: SnapshotDocument, volume: string): string {
  const found = volumes.find(({ name }) => name === volume);
  assert.ok(found, `no image of ${volume}`);
  return found.location;
}

/** The same for one of an agent's three volumes. */
export function roleImage(point: SnapshotDocument, role: Role): string {
  return imageOf(point, volumeName(point.agent, role));
}

/** What the agent's sequence was at the cut. */
export function cutOf(point: SnapshotDocument): { workspace: number; public: number } {
  return {
    workspace: readSeq(roleImage(point, 'workspace')),
    public: readSeq(roleImage(point, 'public')),
  };
}

/** Fails unless all volumes show one moment and the database is whole; gives its number of rows. */
export async function expectConsistent(point: SnapshotDocument): Promise<number> {
  const cut = cutOf(point);
  const ahead = cut.workspace - cut.public;
  assert.ok(ahead === 0 || ahead === 1, `${point.id}: ${JSON.stringify(cut)}`);
  const { check, rows, last } = await readDatabase(roleImage(point, 'workspace'));
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

/** The lab's store as seen through the private mount. */
export function storeOf(lab: Lab): string {
  return `/run/cowherd/fs/${lab.fsUuid}/.cowherd`;
}

/** What transactions and captures left in the store; nothing but retired data may stay after a run. */
export function storeEntries(lab: Lab): Record<'retired' | 'staged' | 'transactions', string[]> {
  const names = (place: string) => readdirSync(join(storeOf(lab), place));
  return {
    retired: names('retired'),
    staged: names('staged'),
    transactions: names('transactions'),
  };
}

/** Trees that transactions keep beside a volume's data. */
export function besides(lab: Lab, volume: string): string[] {
  const names = readdirSync(join(lab.dataRoot, 'volumes', volume));
  return names.filter((name) => name.startsWith('.cowherd-'));
}

/** Fails when a run left a half restore point or a transient image. */
export function expectNoHalves(lab: Lab): void {
  const halves = readdirSync(join(storeOf(lab), 'snapshots')).filter((name) =>
    name.startsWith('.'),
  );
  assert.equal(halves, []);
  assert.equal(readdirSync(join(storeOf(lab), 'transient')), []);
}

/** A file's text. */
export function text(...path: string[]): string {
  return readFileSync(join(...path), 'utf8');
}
