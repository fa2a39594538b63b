import { chownSync, existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_UID } from '../lab/image.ts';
import { must } from '../lab/run.ts';
import { openWriter } from '../quiesce/volume.ts';

/** WAL databases of the hostile volume that are as they should be: each gets its checkpoint among all the others. */
export const SOUND = ['small.db', 'schema.db', 'blob.db'] as const;

/** WAL databases that say they are one and cannot be opened. */
export const DAMAGED = ['garbage.db', 'truncated.db'] as const;

/** WAL databases that lie beside a link. */
export const LINKED = ['linked.db', 'linked again.db', 'wal-link.db', 'shm-link.db'] as const;

const WAL = 'PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;';
const FILL = `${WAL} CREATE TABLE t(x); INSERT INTO t VALUES(randomblob(20000));`;
const EMPTY_LOG = 'PRAGMA wal_checkpoint(TRUNCATE);';
const MAGIC = 'SQLite format 3\0';

/** Leaves databases of every kind in a volume, all of the agent's user, logs not checkpointed, links to `outside`. */
export async function leaveDatabases(root: string, outside: string): Promise<void> {
  const at = (name: string) => join(root, name);
  await leave(at('small.db'), FILL);
  await leave(at('schema.db'), FILL + SCHEMA.replaceAll('OUTSIDE', outside));
  await leave(at('linked.db'), FILL);
  linkSync(at('linked.db'), at('linked again.db'));
  for (const side of ['wal', 'shm'] as const) {
    await leave(at(`${side}-link.db`), FILL);
    await must(['rm', '-f', at(`${side}-link.db-${side}`)]);
    symlinkSync(join(outside, `host.db-${side}`), at(`${side}-link.db-${side}`));
  }
  await leave(at('blob.db'), `PRAGMA page_size=65536; ${WAL} CREATE TABLE t(x); ${EMPTY_LOG}`);
  await must(['python3', '-c', BLOB, at('blob.db')]);
  damage(root, readFileSync(at('small.db')));
}

/** Files that say they are databases and are none; `sound` is one. */
function damage(root: string, sound: Buffer): void {
  const put = (name: string, bytes: Buffer) => {
    writeFileSync(join(root, name), bytes);
    chownSync(join(root, name), AGENT_UID, AGENT_UID);
  };
  put('garbage.db', Buffer.concat([sound.subarray(0, 100), Buffer.alloc(8092, 0xa5)]));
  put('truncated.db', claimingPages(sound.subarray(0, 4096)));
  put('header.db', Buffer.from(MAGIC.padEnd(36)));
  put('page-size.db', Buffer.from(MAGIC.padEnd(4096)));
  put('noise.db', Buffer.alloc(4096, 0x5a));
}

/** A first page whose schema is said to lie on a page that is not there. */
function claimingPages(page: Buffer): Buffer {
  const bytes = Buffer.from(page);
  bytes.writeUInt32BE(9_999, 28);
  bytes.fill(0xff, 100, 200);
  return bytes;
}

/** Makes a database as a program that was killed leaves it, all files of the agent's user. */
export async function leave(path: string, sql: string): Promise<void> {
  const writer = openWriter(path);
  await writer.say(sql);
  await writer.kill();
  for (const file of [path, `${path}-wal`, `${path}-shm`])
    if (existsSync(file)) chownSync(file, AGENT_UID, AGENT_UID);
}

/** What SQLite would run or load for whoever reads or writes rows, or trusts the schema. */
const SCHEMA = `
CREATE TRIGGER again AFTER INSERT ON t BEGIN INSERT INTO t SELECT randomblob(1000000) FROM t; END;
CREATE VIEW endless AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c;
CREATE VIEW reader AS SELECT readfile('OUTSIDE/secret'), writefile('OUTSIDE/owned', x'00');
CREATE VIRTUAL TABLE words USING fts5(x);
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema VALUES('table','files','files',0,'CREATE VIRTUAL TABLE files USING fsdir(''OUTSIDE'')');
INSERT INTO sqlite_schema VALUES('table','so','so',0,'CREATE VIRTUAL TABLE so USING csv(filename=''OUTSIDE/secret'')');
INSERT INTO sqlite_schema VALUES('trigger','late','t',0,'CREATE TRIGGER late AFTER DELETE ON t BEGIN SELECT load_extension(''OUTSIDE/x''); END');
`;

/** Makes the one row of table t claim a blob of 2 GB, in a file of as many pages, which are holes: SQLite itself writes no more than 1 GB. */
const BLOB = String.raw`
import sys
def varint(n):
    out = [n & 127]
    while n > 127: n >>= 7; out.insert(0, 128 | n & 127)
    return bytes(out)
PAGE, LENGTH = 65536, 2**31 - 13
header = varint(12 + 2 * LENGTH); header = bytes([len(header) + 1]) + header
payload = len(header) + LENGTH
least = (PAGE - 12) * 32 // 255 - 23
local = least + (payload - least) % (PAGE - 4)
if local > PAGE - 35: local = least
cell = varint(payload) + varint(1) + header.ljust(local, b'\0') + (3).to_bytes(4, 'big')
start = PAGE - len(cell)
leaf = bytes([13, 0, 0, 0, 1]) + start.to_bytes(2, 'big') + b'\0' + start.to_bytes(2, 'big')
with open(sys.argv[1], 'r+b') as f:
    f.seek(28); f.write((32770).to_bytes(4, 'big'))
    f.seek(PAGE); f.write(leaf.ljust(start, b'\0') + cell); f.truncate(32770 * PAGE)
`;
