import { chownSync, existsSync } from 'node:fs';
import { AGENT, openWriter } from './volume.ts';

const WAL = 'PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;';

/** A database of the agent's user as a program that was killed leaves it. */
export async function leaveUnclean(path: string, sql: string): Promise<void> {
  const writer = openWriter(path);
  await writer.say(sql);
  await writer.kill();
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    if (existsSync(file)) chownSync(file, AGENT, AGENT);
}

/** An ordinary database of so many bytes, 20 MB of it in its log. */
export async function makeLarge(path: string, sizeBytes: number): Promise<void> {
  const rows = `INSERT INTO t VALUES(zeroblob(${String(sizeBytes)}));`;
  const log = 'INSERT INTO t VALUES(randomblob(20000000));';
  await leaveUnclean(path, `PRAGMA journal_mode=OFF; CREATE TABLE t(x); ${rows} ${WAL} ${log}`);
}

/** One whose schema is a text of so many bytes, which whoever opens it has to hold in memory. */
export async function makeWide(path: string, textBytes: number): Promise<void> {
  const text = `'CREATE TABLE t(x) /*' || printf('%.*c', ${String(textBytes)}, 'x') || '*/'`;
  const update = `UPDATE sqlite_schema SET sql = ${text};`;
  await leaveUnclean(path, `CREATE TABLE t(x); ${WAL} PRAGMA writable_schema=ON; ${update}`);
}

/** One with so many views, each of which whoever opens it has to parse. */
export async function makeLong(path: string, views: number): Promise<void> {
  const count = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT ${String(views)})`;
  const view = `SELECT 'view', 'v' || n, 'v' || n, 0, 'CREATE VIEW v' || n || ' AS SELECT 1' FROM c`;
  const insert = `INSERT INTO sqlite_schema ${count} ${view};`;
  await leaveUnclean(path, `${WAL} PRAGMA writable_schema=ON; ${insert}`);
}
