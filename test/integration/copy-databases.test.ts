import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  copyDatabases,
  type DatabaseCopy,
  type DatabaseCopyRequest,
} from '../../src/quiesce/copy-databases.ts';
import { privilegedGids } from '../../src/quiesce/privileged-groups.ts';
import { must } from '../support/lab/run.ts';
import { requireTools } from '../support/quiesce/available.ts';
import { makeLong } from '../support/quiesce/heavy.ts';
import { scanImage } from '../support/quiesce/scan.ts';
import {
  AGENT,
  makeUncleanDatabase,
  makeVolume,
  openWriter,
  type TestVolume,
} from '../support/quiesce/volume.ts';
import { suite } from '../support/suite.ts';

requireTools();

const test = suite<{ volume: TestVolume }>('copies of databases by one transaction each');
const MIB = 1024 ** 2;

test.before.each(async (context) => {
  context.volume = await makeVolume(1024 * MIB);
});
test.after.each(async ({ volume }) => {
  await volume.remove();
});

interface Copied {
  readonly copies: readonly DatabaseCopy[];
  readonly scratch: string;
}

async function copy(
  volume: TestVolume,
  over: Partial<DatabaseCopyRequest> = {},
  between: () => void = () => undefined,
): Promise<Copied> {
  const seen = await volume.snapshot();
  const { databases } = await scanImage(seen);
  const scratch = mkdtempSync(join(volume.data, '../scratch-'));
  between();
  const { data: root, runtimeDir } = volume;
  const request = { root, seen, databases, scratch, runtimeDir, busyTimeoutMs: 300, ...over };
  return { copies: await copyDatabases(request), scratch };
}

const read = async (path: string, sql: string) => must(['sqlite3', '-batch', path, sql]);

test("what is in the log is in the copy, which is root's alone; the database is left as it was", async ({
  volume,
}) => {
  const writer = openWriter(join(volume.data, 'a.db'));
  await writer.say(
    'PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES(7);',
  );
  for (const side of ['', '-wal', '-shm'])
    chownSync(join(volume.data, `a.db${side}`), AGENT, AGENT);
  const walBytes = statSync(join(volume.data, 'a.db-wal')).size;
  const { copies, scratch } = await copy(volume);
  const [only] = copies;
  assert.is(await read(only?.copy ?? '', 'PRAGMA integrity_check; SELECT x FROM t'), 'ok\n7');
  const { uid, nlink } = statSync(only?.copy ?? '');
  assert.equal([uid, nlink], [0, 1]);
  assert.is(statSync(join(volume.data, 'a.db-wal')).size, walBytes);
  assert.equal(readdirSync(join(scratch, 'results/0')), []);
  await writer.kill();
});

test('nobody is opened whom nobody may open, and each says why', async ({ volume }) => {
  const names = ['docker.db', 'good.db', 'linked.db', 'root.db'];
  for (const name of names) await makeUncleanDatabase(join(volume.data, name));
  chownSync(join(volume.data, 'root.db'), 0, AGENT);
  chownSync(join(volume.data, 'docker.db'), AGENT, 77);
  linkSync(join(volume.data, 'linked.db'), join(volume.data, 'linked too'));
  const socket = join(volume.directory, 'docker.sock');
  writeFileSync(socket, '');
  chownSync(socket, 0, 77);
  const { copies } = await copy(volume, { privilegedGids: await privilegedGids(socket) });
  assert.equal(Object.fromEntries(copies.map(({ database, cause }) => [database.path, cause])), {
    ...{ 'docker.db': 'owner', 'good.db': null, 'root.db': 'owner' },
    ...{ 'linked.db': 'flaw', 'linked too': 'flaw' },
  });
});

test('a schema that takes for ever to read is not read', async ({ volume }) => {
  await makeLong(join(volume.data, 'long.db'), 200_000);
  const begun = performance.now();
  const { copies } = await copy(volume);
  assert.is(copies[0]?.note, null);
  assert.ok(performance.now() - begun < 10_000);
});

test('a database that claims to be larger than it is fills no disk', async ({ volume }) => {
  const path = join(volume.data, 'claims.db');
  await must(['sqlite3', path, 'CREATE TABLE t(x); INSERT INTO t VALUES(1)']);
  const fd = openSync(path, 'r+');
  const pages = Buffer.alloc(4);
  pages.writeUInt32BE(0x3fff_ffff);
  writeSync(fd, pages, 0, 4, 28);
  closeSync(fd);
  truncateSync(path, 4096 * 0x3fff_ffff);
  chownSync(path, AGENT, AGENT);
  const { copies, scratch } = await copy(volume);
  assert.equal([copies[0]?.copy, copies[0]?.cause], [null, 'stuck'], copies[0]?.note ?? '');
  const used = Number((await must(['du', '-s', '-B1', scratch])).split('\t')[0]);
  assert.ok(used < MIB, String(used));
});

test('too little space for it: it is not begun', async ({ volume }) => {
  await makeUncleanDatabase(join(volume.data, 'a.db'));
  const room = mkdtempSync(join(volume.directory, 'room-'));
  await must(['mount', '-t', 'tmpfs', '-o', 'size=32m,mode=700', 'cowherd-room', room]);
  try {
    const { copies } = await copy(volume, { scratch: room });
    assert.equal([copies[0]?.copy, copies[0]?.cause], [null, 'limit']);
  } finally {
    await must(['umount', room]);
  }
});

test('a lock that stays is waited for so long, and no longer', async ({ volume }) => {
  const path = join(volume.data, 'locked.db');
  const writer = openWriter(path);
  await writer.say('CREATE TABLE t(x); BEGIN EXCLUSIVE;');
  chownSync(path, AGENT, AGENT);
  const begun = performance.now();
  const { copies } = await copy(volume);
  assert.equal([copies[0]?.copy, copies[0]?.cause], [null, 'failed']);
  assert.match(copies[0]?.note ?? '', /locked/);
  assert.ok(performance.now() - begun < 5_000);
  await writer.kill();
});

test('no time is left: what was not asked says so', async ({ volume }) => {
  await makeUncleanDatabase(join(volume.data, 'a.db'));
  const signal = AbortSignal.abort();
  const { copies } = await copy(volume, { signal });
  assert.equal([copies[0]?.copy, copies[0]?.cause], [null, 'limit']);
});

const CHANGES: Readonly<Record<string, (at: (name: string) => string) => void>> = {
  'a link to another database': (at) => {
    symlinkSync(at('secret/other.db'), at('dir/a.db'));
  },
  'a link to the outside': (at) => {
    symlinkSync('/etc/passwd', at('dir/a.db'));
  },
  'a pipe': () => undefined,
  'a directory': (at) => {
    mkdirSync(at('dir/a.db'));
  },
  'something else': (at) => {
    writeFileSync(at('dir/a.db'), 'nothing of the kind');
  },
};

for (const [what, change] of Object.entries(CHANGES))
  test(`a database that has become ${what} since it was seen has no copy`, async ({ volume }) => {
    const at = (name: string): string => join(volume.data, name);
    for (const directory of ['dir', 'secret']) mkdirSync(at(directory));
    await makeUncleanDatabase(at('dir/a.db'));
    await makeUncleanDatabase(at('secret/other.db'));
    chmodSync(at('secret'), 0o700);
    const pipe = what === 'a pipe' ? must(['mkfifo', '-m', '666', at('dir/pipe')]) : undefined;
    await pipe;
    const { copies, scratch } = await copy(volume, {}, () => {
      for (const side of ['', '-wal', '-shm'])
        if (existsSync(at(`dir/a.db${side}`))) renameSync(at(`dir/a.db${side}`), at(`gone${side}`));
      change(at);
      if (what === 'a pipe') renameSync(at('dir/pipe'), at('dir/a.db'));
    });
    const found = copies.find(({ database }) => database.path === 'dir/a.db');
    assert.is(found?.copy, null);
    assert.ok(found?.note, 'it says why');
    assert.equal(
      readdirSync(scratch).filter((name) => name !== 'results'),
      ['1'].filter((name) => existsSync(join(scratch, name))),
    );
  });

test('a directory on the way that has become a link is not followed', async ({ volume }) => {
  const at = (name: string): string => join(volume.data, name);
  mkdirSync(at('dir'));
  await makeUncleanDatabase(at('dir/a.db'));
  const { copies } = await copy(volume, {}, () => {
    renameSync(at('dir'), at('other'));
    symlinkSync('other', at('dir'));
  });
  assert.is(copies[0]?.copy, null);
});

test.run();
