import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readSeq, volumeName, type Agent, type Role } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

const ROLES: readonly Role[] = ['workspace', 'public', 'shared'];

/** The store of a lab, from outside. */
export function storeOf(lab: Lab): string {
  return join(storeRoot(lab), '.cowherd');
}

/** The filesystem's top level: only the private mount shows it where the lab has mounted a subvolume. */
function storeRoot(lab: Lab): string {
  return existsSync(join(lab.mnt, '.cowherd')) ? lab.mnt : `/run/cowherd/fs/${lab.fsUuid}`;
}

/** What dead runs have left in the store, and what transactions keep: paths relative to it. Retired data of rollbacks is none. */
export function leftovers(lab: Lab): readonly string[] {
  const store = storeOf(lab);
  const inside = (directory: string, wanted: (name: string) => boolean) =>
    namesIn(join(store, directory))
      .filter(wanted)
      .map((name) => join(directory, name));
  const records = new Set(inside('retired', (name) => name.endsWith('.json')));
  return [
    ...inside('transient', () => true),
    ...inside('snapshots', (name) => !/^[^.].*@\d{8}T\d{6}Z(-\d+)?$/.test(name)),
    ...inside('transactions', () => true),
    ...inside('staged', () => true),
    ...inside('retired', () => true).filter(
      (path) => !records.has(path) && !records.has(`${path}.json`),
    ),
  ];
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** What lies beside the data of an agent's volumes, but for retired data that its rollback keeps. */
export function beside(lab: Lab, agent: string): readonly string[] {
  const retired = namesIn(join(storeOf(lab), 'retired'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => `.cowherd-old-${name.slice(0, -'.json'.length)}`);
  return ROLES.flatMap((role) => {
    const directory = join(lab.dataRoot, 'volumes', volumeName(agent, role));
    const names = readdirSync(directory).filter((name) => name.startsWith('.cowherd-'));
    return names.filter((name) => !retired.some((kept) => name.startsWith(kept)));
  });
}

/** Asserts that a tree of an agent (an image, or live data) is one moment of it: numbers in step, its database intact. */
export async function assertWhole(workspace: string, publicDirectory: string): Promise<void> {
  const seq = readSeq(workspace);
  const behind = seq - readSeq(publicDirectory);
  assert.ok(behind === 0 || behind === 1, `workspace ${String(seq)}, behind ${String(behind)}`);
  const last = await lastOf(join(workspace, 'data'));
  assert.ok(last <= seq, `the database is ahead: ${String(last)} > ${String(seq)}`);
}

/** Opens a copy of a database and gives its last number; throws when it is not intact. */
async function lastOf(data: string): Promise<number> {
  const copy = mkdtempSync(join(tmpdir(), 'cowherd-db-'));
  try {
    for (const name of readdirSync(data).filter((one) => one.startsWith('agent.db')))
      if (!name.endsWith('-shm')) copyFileSync(join(data, name), join(copy, name));
    const sql = 'PRAGMA integrity_check; SELECT coalesce(max(n), 0) FROM t;';
    const said = (await must(['sqlite3', '-batch', join(copy, 'agent.db'), sql])).split('\n');
    assert.is(said[0], 'ok');
    return Number(said[1]);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** The `state` file of each volume, which a test wrote. */
export function markers(agent: Pick<Agent, 'path'>): readonly string[] {
  return ROLES.map((role) => {
    const file = join(agent.path(role), 'state');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  });
}
