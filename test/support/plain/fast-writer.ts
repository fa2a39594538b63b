import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Agent } from '../lab/agent.ts';
import type { Lab } from '../lab/lab.ts';
import { must, until } from '../lab/run.ts';

/** Pairs of rows that a database has in two tables: each pair is one transaction. */
export interface Pairs {
  readonly check: string;
  readonly left: number;
  readonly right: number;
}

/** A program in the agent's container that commits as fast as it can to `~/data/NAME`, in either journal mode. */
export async function startFastWriter(
  lab: Lab,
  agent: Agent,
  { name, mode }: { readonly name: string; readonly mode: 'WAL' | 'DELETE' },
): Promise<void> {
  const begin = `.timeout 20000
PRAGMA journal_mode=${mode};
PRAGMA synchronous=OFF;
CREATE TABLE IF NOT EXISTS l(n INTEGER PRIMARY KEY, b);
CREATE TABLE IF NOT EXISTS r(n INTEGER PRIMARY KEY, b);`;
  const pair =
    'BEGIN IMMEDIATE; INSERT INTO l(b) VALUES(randomblob(60)); INSERT INTO r(b) VALUES(randomblob(60)); COMMIT;';
  const writer = `cd /home/developer/data; (echo "${begin}"; while :; do echo "${pair}"; done) | sqlite3 -batch ${name} >/dev/null 2>${name}.err`;
  await lab.docker(['exec', '-d', agent.container, 'sh', '-c', writer]);
  const path = join(agent.path('workspace'), 'data', name);
  await until(`${name} is written`, async () => existsSync(path) && (await commits(path)) > 500);
}

/** How many transactions a database in use holds; 0 while it cannot be read. */
export async function commits(path: string): Promise<number> {
  const argv = ['sqlite3', '-batch', '-cmd', '.timeout 20000', path, 'SELECT count(*) FROM r'];
  return Number(await must(argv).catch(() => 0));
}

const CHECK = 'PRAGMA integrity_check;';

/** What SQLite says of a copy of a database. */
export async function checked(path: string): Promise<string> {
  return inCopy(path, async (copy) => must(['sqlite3', '-batch', copy, CHECK]));
}

/** What is in a copy of it. */
export async function pairsIn(path: string): Promise<Pairs> {
  const counts = 'SELECT (SELECT count(*) FROM l), (SELECT count(*) FROM r);';
  const said = await inCopy(path, async (copy) =>
    must(['sqlite3', '-batch', copy, CHECK + counts]),
  );
  const [check = '', numbers = ''] = said.split('\n');
  const [left = 0, right = 0] = numbers.split('|').map(Number);
  return { check, left, right };
}

/** Gives a copy of a database, with what lies beside it, to `use`. */
async function inCopy<T>(path: string, use: (copy: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-pairs-'));
  try {
    const copy = join(directory, basename(path));
    for (const suffix of ['', '-wal', '-journal'])
      if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
    return await use(copy);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
