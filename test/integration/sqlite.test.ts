import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  checkpointVolume,
  isCheckpointed,
  type CheckpointRequest,
} from '../../src/quiesce/checkpoint.ts';
import type { DatabaseFile } from '../../src/quiesce/read-candidates.ts';
import { requireTools } from '../support/quiesce/available.ts';
import { must, sleep } from '../support/lab/run.ts';
import {
  AGENT,
  makeUncleanDatabase,
  makeVolume,
  openWriter,
  startLiveWriter,
  type TestVolume,
} from '../support/quiesce/volume.ts';
import { scanImage } from '../support/quiesce/scan.ts';

requireTools();

const test = suite<{ volume: TestVolume }>('sqlite: from outside');
const mountsOf = ({ directory }: TestVolume): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory));

test.before.each(async (context) => {
  context.volume = await makeVolume();
});
test.after.each(async ({ volume }) => {
  await volume.remove();
});

async function scan(volume: TestVolume): Promise<readonly DatabaseFile[]> {
  const { databases } = await scanImage(await volume.snapshot());
  return databases.toSorted((a, b) => Buffer.compare(a.pathBytes, b.pathBytes));
}

function request(volume: TestVolume, databases: readonly DatabaseFile[]): CheckpointRequest {
  const { data: root, runtimeDir } = volume;
  return { volumeName: 'v', root, databases, mode: 'passive', busyTimeoutMs: 300, runtimeDir };
}

test('a database under a live writer of the agent gets a checkpoint, and nothing stays mounted', async ({
  volume,
}) => {
  const mountsBefore = mountsOf(volume);
  chmodSync(join(volume.data, '..'), 0o755); // the writer opens it before the way is closed, as a container has its own
  const writer = await startLiveWriter(join(volume.data, 'agent.db'));
  chmodSync(join(volume.data, '..'), 0o710);
  await sleep(300);
  const databases = await scan(volume);
  assert.equal(
    databases.map(({ path, wal, uid }) => ({ path, wal, uid })),
    [{ path: 'agent.db', wal: true, uid: AGENT }],
  );
  assert.ok(databases[0]!.walBytes > 20_000);
  const [row] = await checkpointVolume(request(volume, databases));
  await writer.stop();
  assert.equal(row!.busy, 0);
  assert.ok(isCheckpointed(row!), JSON.stringify(row));
  // The writer begins its log anew after a checkpoint, so that the last pass may find it empty: the database tells.
  assert.ok(lstatSync(join(volume.data, 'agent.db')).size > 20_000);
  assert.is(row!.note, undefined);
  assert.equal(mountsOf(volume), mountsBefore);
});

test('a database nobody has open is checkpointed and left without -wal and -shm, its owner unchanged', async ({
  volume,
}) => {
  const path = join(volume.data, 'agent.db');
  await makeUncleanDatabase(path);
  const rows = await checkpointVolume(request(volume, await scan(volume)));
  assert.ok(rows.length === 1 && rows.every(isCheckpointed), JSON.stringify(rows));
  assert.equal(readdirSync(volume.data), ['agent.db']);
  assert.is(lstatSync(path).uid, AGENT);
});

test('a clean database and one somebody keeps open have no file of a wrong owner afterwards', async ({
  volume,
}) => {
  const path = join(volume.data, 'agent.db');
  await makeUncleanDatabase(path);
  const databases = await scan(volume);
  assert.ok((await checkpointVolume(request(volume, databases))).every(isCheckpointed));
  assert.ok((await checkpointVolume(request(volume, databases))).every(isCheckpointed), 'clean');
  const keeper = openWriter(path);
  await keeper.say('INSERT INTO t VALUES(2);');
  const rows = await checkpointVolume({ ...request(volume, databases), mode: 'truncate' });
  assert.equal(
    { ...rows[0] },
    { volume: 'v', path: 'agent.db', mode: 'truncate', busy: 0, log: 0, checkpointed: 0 },
  );
  for (const name of readdirSync(volume.data))
    assert.is(lstatSync(join(volume.data, name)).uid, AGENT, name);
  await keeper.kill();
});

test('a reader that holds the WAL makes a row that is not complete', async ({ volume }) => {
  const path = join(volume.data, 'agent.db');
  await makeUncleanDatabase(path);
  const reader = openWriter(path);
  await reader.say('BEGIN; SELECT count(*) FROM t;');
  const writer = openWriter(path);
  await writer.say('INSERT INTO t VALUES(3);');
  const [row] = await checkpointVolume(request(volume, await scan(volume)));
  await writer.kill();
  await reader.kill();
  assert.not.ok(isCheckpointed(row!), JSON.stringify(row));
  assert.ok(row!.checkpointed < row!.log);
});

test('odd names are opened as they are: newline, dash, percent, quote, bytes that are no UTF-8', async ({
  volume,
}) => {
  const names = ['-batch', 'a\n.db', "q'%20?x#.db", 'ü.db'].map((name) => Buffer.from(name));
  names.push(Buffer.from([0x62, 0xff, 0xfe]));
  const template = join(volume.data, 'template');
  await makeUncleanDatabase(template);
  for (const name of names) {
    for (const suffix of ['', '-wal']) {
      const target = Buffer.concat([Buffer.from(`${volume.data}/`), name, Buffer.from(suffix)]);
      cpSyncBytes(template + suffix, target);
    }
  }
  for (const name of readdirSync(volume.data))
    if (name.startsWith('template')) unlinkSync(join(volume.data, name));
  const rows = await checkpointVolume(request(volume, await scan(volume)));
  assert.is(rows.length, names.length);
  assert.ok(rows.every(isCheckpointed), JSON.stringify(rows));
  assert.equal(
    rows.flatMap((row) => row.pathBase64 ?? []),
    [names.at(-1)!.toString('base64')],
  );
});

function cpSyncBytes(source: string, target: Buffer): void {
  writeFileSync(target, readFileSync(source));
  chownSync(target, AGENT, AGENT);
}

test('a hostile tree hides nothing and hangs nothing', async ({ volume }) => {
  const { data, directory } = volume;
  await makeUncleanDatabase(join(data, 'good.db'));
  await makeUncleanDatabase(join(data, 'root.db'), 0);
  await makeUncleanDatabase(join(data, 'linked.db'));
  linkSync(join(data, 'linked.db'), join(data, 'linked-again.db'));
  await must(['mkfifo', join(data, 'fifo.db')]);
  await must(['mknod', join(data, 'device.db'), 'c', '1', '5']);
  symlinkSync('/etc/passwd', join(data, 'link.db'));
  symlinkSync(directory, join(data, 'loop'));
  await makeUncleanDatabase(join(data, 'stuck.db'));
  writeFileSync(join(data, 'zeros.db'), Buffer.alloc(4096));
  await must(['btrfs', 'subvolume', 'create', join(data, 'nested')]);
  const garbage = readFileSync(join(data, 'good.db')).fill(0xa5, 100);
  writeFileSync(join(data, 'garbage.db'), garbage);
  chownSync(join(data, 'garbage.db'), AGENT, AGENT);
  await makeDeepDirectory(data);
  const scanned = await scanImage(await volume.snapshot());
  assert.equal(scanned.placeholders.map(String), ['nested']);
  assert.not.ok(scanned.truncated);
  const deep = scanned.databases.find(({ pathBytes }) => pathBytes.length > 25_000);
  assert.ok(deep !== undefined);
  await must(['mkfifo', join(data, 'stuck.db-journal')]);
  const rows = await checkpointVolume({
    ...request(volume, scanned.databases),
    timeoutMs: 1_500,
  });
  const notes = Object.fromEntries(
    rows.map((row) => [row.path.slice(0, 20), row.note ?? isCheckpointed(row)]),
  );
  assert.is(notes['good.db'], true);
  assert.is(notes['root.db'], 'owned by root');
  assert.is(notes['stuck.db'], 'sqlite3 did not end within 1500 ms');
  assert.match(String(notes['garbage.db']), /malformed|not a database|error/i);
  assert.match(String(notes['d'.repeat(20)]), /longer than/);
  assert.match(String(notes['linked.db']), 'several names');
  assert.is(Object.keys(notes).length, 7);
  assert.ok(existsSync(join(data, 'root.db-wal')), 'not touched');
});

/** 100 directories of 255-byte names with a database at the end, deeper than any path can say. */
async function makeDeepDirectory(data: string): Promise<void> {
  const program = [
    'import os, sys',
    'bytes = open("good.db", "rb").read()',
    'for _ in range(100):',
    '    os.mkdir("d" * 255); os.chdir("d" * 255)',
    'open("deep.db", "wb").write(bytes); os.chown("deep.db", 1000, 1000)',
  ].join('\n');
  await must(['python3', '-c', program], { cwd: data });
}

test('a directory that turns into a link to the host during the checkpoints leads nowhere', async ({
  volume,
}) => {
  const { data, directory } = volume;
  const outside = join(directory, 'host');
  mkdirSync(outside);
  mkdirSync(join(data, 'd'));
  chownSync(join(data, 'd'), AGENT, AGENT);
  chownSync(outside, AGENT, AGENT);
  chmodSync(directory, 0o755);
  await makeUncleanDatabase(join(data, 'd', 'x.db'));
  for (const name of readdirSync(join(data, 'd')))
    cpSync(join(data, 'd', name), join(outside, name));
  for (const name of readdirSync(outside)) chownSync(join(outside, name), AGENT, AGENT);
  const contents = (): unknown =>
    readdirSync(outside).map((name) => [name, readFileSync(join(outside, name), 'base64')]);
  const before = contents();
  const databases = await scan(volume);
  symlinkSync(outside, join(data, 'evil'));
  const swap = setInterval(() => {
    renameSync(join(data, 'd'), join(data, 'tmp'));
    renameSync(join(data, 'evil'), join(data, 'd'));
    renameSync(join(data, 'tmp'), join(data, 'evil'));
  }, 1);
  const rows = await checkpointVolume(
    request(
      volume,
      Array.from({ length: 30 }, () => databases[0]!),
    ),
  );
  clearInterval(swap);
  assert.ok(
    rows.some((row) => row.busy === -1),
    'the link was met',
  );
  assert.equal(contents(), before);
});

test.run();
