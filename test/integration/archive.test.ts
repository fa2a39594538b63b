import { existsSync, lstatSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { ARCHIVE_TOOLS, makePlace, type Place } from '../support/archive/place.ts';
import { describeRestored, differences, makeRichTree } from '../support/archive/rich-tree.ts';
import { requireTools } from '../support/lab/available.ts';
import { unmount } from '../support/lab/mounts.ts';
import { must } from '../support/lab/run.ts';
import type { Archive } from '../../src/storage/archive/read-index.ts';

requireTools(ARCHIVE_TOOLS);

interface Given {
  place: Place;
  archive: Archive;
  restored: string;
}

for (const filesystem of ['ext4', 'xfs'] as const) {
  const test = suite<Given>(`an archive on ${filesystem}`);

  test.before(async (given) => {
    given.place = await makePlace(filesystem);
    await makeRichTree(given.place.source);
  });
  test.after(async ({ place }) => place?.disk.remove());

  test('a tree comes back with all that is kept of it', async (given) => {
    const { place } = given;
    given.archive = await place.write('first');
    given.restored = await place.restore(given.archive);
    const [now, then] = [
      await describeRestored(given.restored),
      await describeRestored(place.source),
    ];
    assert.equal(differences(now, then), []);
    assert.ok(then.split('\n').length > 70);
  });

  test('it is a directory of two files for root alone, and nothing else is left', ({ place }) => {
    assert.equal(readdirSync(place.archives), ['first']);
    const path = join(place.archives, 'first');
    assert.equal(readdirSync(path).sort(), ['data.tar.zst', 'index.zst']);
    assert.is(statSync(path).mode & 0o777, 0o700);
    for (const name of readdirSync(path)) assert.is(statSync(join(path, name)).mode & 0o777, 0o600);
    assert.equal(readdirSync(place.runtimeDir), ['fence']);
  });

  test('special files are told of and not archived; so are attributes that nobody restores', ({
    archive,
    restored,
  }) => {
    const { special, specials, unrestoredAttributes } = archive.summary;
    const told = special.map(({ path, pathBase64, type }) => `${type} ${pathBase64 ?? path}`);
    const odd = Buffer.from([...Buffer.from('fifo-'), 0xff]).toString('base64');
    assert.equal(
      told.sort(),
      ['block disk', 'character null', `fifo ${odd}`, 'fifo fifo', 'socket dir/socket'].sort(),
    );
    assert.is(specials, 5);
    for (const name of ['fifo', 'null', 'disk', 'dir/socket'])
      assert.is(lstatSync(join(restored, name), { throwIfNoEntry: false }), undefined);
    assert.is(unrestoredAttributes, 4, 'trusted.note of two and of a link, security.capability');
  });

  test('holes cost nothing, in the archive and restored', ({ archive, restored }) => {
    assert.ok(archive.summary.storedBytes < 8 << 20, String(archive.summary.storedBytes));
    assert.is(archive.summary.largestBytes, 20_000_000_000);
    const { size, blocks } = statSync(join(restored, 'sparse'));
    assert.is(size, 20_000_000_000);
    assert.ok(blocks * 512 < 4 << 20, `${blocks} blocks`);
  });

  test('the index of one tree is the same each time', async ({ place, archive }) => {
    const { summary } = await place.write('again');
    assert.equal(summary.index, archive.summary.index);
  });

  test('what is mounted in a tree is none of it', async ({ place }) => {
    const [over, file] = [join(place.source, 'empty'), join(place.source, 'empty-file')];
    await must(['mount', '-t', 'tmpfs', 'tmpfs', over]);
    writeFileSync(join(over, 'mounted'), 'x');
    await must(['mount', '--bind', join(over, 'mounted'), file]);
    try {
      const archive = await place.write('mounts');
      const restored = await place.restore(archive);
      assert.equal(readdirSync(join(restored, 'empty')), []);
      assert.not.ok(existsSync(join(restored, 'empty-file')));
      const told = archive.summary.special.filter(({ type }) => type === 'mount');
      assert.equal(told, [{ path: 'empty-file', type: 'mount' }]);
    } finally {
      await unmount(file);
      await unmount(over);
    }
  });

  test('nothing is written over: a name that is taken is refused, a directory that is not empty too', async ({
    place,
    archive,
    restored,
  }) => {
    const refused = await place.write('first').catch((error: unknown) => error);
    assert.match(String(refused), /exists already/);
    const into = await place.extract('restored-1', archive).catch((error: unknown) => error);
    assert.ok(into instanceof Error);
    assert.ok(statSync(restored).isDirectory());
  });

  test.run();
}
