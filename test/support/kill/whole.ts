import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readSeq, ROLES, type Agent } from '../lab/agent.ts';
import { must } from '../lab/run.ts';

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
