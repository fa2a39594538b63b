import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { archivePaths } from '../../src/storage/archive/layout.ts';
import { extractArchive } from '../../src/storage/archive/extract-archive.ts';
import type { Archive } from '../../src/storage/archive/read-index.ts';
import { verifyArchive } from '../../src/storage/archive/verify-archive.ts';
import { vetMembers } from '../../src/storage/archive/vet-members.ts';
import { writeArchive } from '../../src/storage/archive/write-archive.ts';
import { ARCHIVE_TOOLS, makePlace, refusalOf, type Place } from '../support/archive/place.ts';
import { fillBut, fillUp, makeRoom } from '../support/kill/fill.ts';
import { requireTools } from '../support/lab/available.ts';
import { descendantsOf, isAlive, processId } from '../support/lab/processes.ts';
import { until } from '../support/lab/run.ts';

requireTools(ARCHIVE_TOOLS);

interface Given {
  place: Place;
  archive: Archive;
  fill: string;
}

const test = suite<Given>('archives where something goes wrong');

const MIB = 1 << 20;

test.before(async (given) => {
  const place = await makePlace('ext4', 400 * MIB);
  mkdirSync(join(place.source, 'dir'));
  for (let i = 0; i < 8; i += 1)
    writeFileSync(join(place.source, `dir/${i}`), randomBytes(5 * MIB));
  const archive = await place.write('good');
  Object.assign(given, { place, archive, fill: join(place.disk.mnt, 'fill') });
});
test.after(async ({ place }) => place?.disk.remove());
test.after.each(({ place }) => {
  assert.equal(readdirSync(place.archives), ['good'], 'nothing but the good one stays');
  assert.equal(
    readdirSync(place.runtimeDir).filter((name) => name !== 'fence'),
    [],
  );
});

const DAMAGE: Readonly<Record<string, (archive: string) => void>> = {
  'a byte that has changed': (path) => flipByte(archivePaths(path).data, 3 * MIB),
  'a byte of the index that has changed': (path) => flipByte(archivePaths(path).index, 20),
  'an end that is missing': (path) => truncateSync(archivePaths(path).data, 2 * MIB),
  'bytes behind its end': (path) => appendFileSync(archivePaths(path).data, 'x'),
  'no data': (path) => rmSync(archivePaths(path).data),
  'no index': (path) => rmSync(archivePaths(path).index),
};

function flipByte(path: string, at: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.of((readFileSync(path)[at] ?? 0) ^ 0x10), 0, 1, at);
  closeSync(fd);
}

for (const [what, harm] of Object.entries(DAMAGE)) {
  test(`${what}: found before anybody is stopped`, async ({ place, archive }) => {
    await verifyArchive(archive, place);
    const path = join(place.archives, 'bad');
    cpSync(archive.path, path, { recursive: true });
    harm(path);
    const { code } = await refusalOf(verifyArchive({ ...archive, path }, place));
    rmSync(path, { recursive: true });
    assert.is(code, 'ARCHIVE_DAMAGED');
  });
}

test('an archive that was cut off is refused whatever its manifest says', async ({
  place,
  archive,
}) => {
  const path = join(place.archives, 'bad');
  cpSync(archive.path, path, { recursive: true });
  truncateSync(archivePaths(path).data, 2 * MIB);
  const { code } = await refusalOf(vetMembers([{ ...archive, path }], place));
  rmSync(path, { recursive: true });
  assert.is(code, 'ARCHIVE_DAMAGED');
});

for (const leftBytes of [0, 10 * MIB]) {
  test(`a disk that is full with ${leftBytes} bytes left: NO_SPACE, and nothing of it stays`, async ({
    place,
    fill,
  }) => {
    if (leftBytes > 0) await fillBut(fill, leftBytes);
    else fillUp(fill);
    try {
      assert.is((await refusalOf(place.write('none'))).code, 'NO_SPACE');
    } finally {
      await makeRoom(fill);
    }
  });

  test(`so does one that is restored to, with ${leftBytes} bytes left`, async ({
    place,
    archive,
    fill,
  }) => {
    const target = join(place.disk.mnt, `full-${leftBytes}`);
    mkdirSync(target, { mode: 0o700 });
    if (leftBytes > 0) await fillBut(fill, leftBytes);
    else fillUp(fill);
    const options = { chain: [archive], target, scratch: place.disk.directory, ...place };
    try {
      assert.is((await refusalOf(extractArchive(options))).code, 'NO_SPACE');
    } finally {
      await makeRoom(fill);
    }
    rmSync(target, { recursive: true });
  });
}

test('an abort leaves nothing of what was written, and throws its reason', async ({ place }) => {
  const reason = new Error('enough');
  const abort = new AbortController();
  const { source, archives: directory, runtimeDir } = place;
  const request = { source, directory, runtimeDir, name: 'none', signal: abort.signal };
  const ended = writeArchive(request).catch((error: unknown) => error);
  await until('it writes', () => existsSync(join(directory, 'none.partial/data.tar.zst')));
  abort.abort(reason);
  assert.is(await ended, reason);
});

test('a writer that is killed leaves a .partial, and nothing else', async ({ place }) => {
  const { source, archives: directory, runtimeDir } = place;
  const partial = join(directory, 'none.partial');
  const data = join(partial, 'data.tar.zst');
  await killed({ write: { source, directory, runtimeDir, name: 'none' } }, () => sizeOf(data) > 0);
  assert.equal(readdirSync(directory).sort(), ['good', 'none.partial']);
  rmSync(partial, { recursive: true });
  await place.write('none');
  rmSync(join(directory, 'none'), { recursive: true });
});

test('a restore that is killed ends with all its programs and mounts', async ({
  place,
  archive,
}) => {
  const target = join(place.disk.mnt, 'killed');
  mkdirSync(target, { mode: 0o700 });
  const { runtimeDir } = place;
  const scratch = join(place.disk.mnt, 'scratch');
  mkdirSync(scratch, { mode: 0o700 });
  const extract = { chain: [archive], target, scratch, runtimeDir };
  await killed({ extract }, () => sizeOf(join(target, 'dir/2')) > 0);
  assert.not.match(readFileSync('/proc/self/mountinfo', 'utf8'), 'killed');
  for (const path of [target, scratch]) rmSync(path, { recursive: true });
});

const sizeOf = (path: string): number => lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Kills the program at a moment, and waits until all that it has started has ended. */
async function killed(request: object, at: () => boolean): Promise<void> {
  const program = join(import.meta.dirname, '../support/archive/program.ts');
  const child = spawn(process.execPath, [program, JSON.stringify(request)], { stdio: 'inherit' });
  const id = processId(child.pid ?? 0);
  assert.ok(id);
  await until('it is at work', at, { everyMs: 1 });
  const family = descendantsOf([id]);
  assert.ok(family.length >= 3, 'it has programs at work');
  child.kill('SIGKILL');
  await once(child, 'close');
  await until('all of it has ended', () => !family.some(isAlive));
}

test('an archive may be as large as it is: nothing of it passes through this process', async ({
  place,
}) => {
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  const { path, summary } = await place.write('none');
  clearInterval(watch);
  assert.ok(statSync(archivePaths(path).data).size === summary.storedBytes);
  assert.ok(peak - before < 40 * MIB, `${peak - before} bytes more`);
  rmSync(path, { recursive: true });
});

test.run();
