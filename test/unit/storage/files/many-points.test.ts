import { mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { createLayout, layoutOf } from '../../../../src/storage/files/layout.ts';
import {
  damagedRestorePoints,
  fileRestorePoint,
  listRestorePoints,
  partialDirectory,
  publishRestorePoint,
  setPinned,
} from '../../../../src/storage/files/restore-points.ts';
import { restorePoint } from '../../../support/placed.ts';
import { test } from '../../../support/suite.ts';

const COUNT = 300;

test('hundreds of restore points are listed as few are: pins, damage and what has gone', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
  try {
    const layout = layoutOf(directory);
    await createLayout(layout);
    const ids: string[] = [];
    for (let number = 0; number < COUNT; number += 1) {
      const createdAt = new Date(Date.UTC(2026, 10, 1, 0, number)).toISOString();
      const { manifest } = restorePoint('alpha', ['one'], { createdAt });
      const publication = { key: 'alpha', manifest, pinned: number === 7 };
      mkdirSync(partialDirectory(layout, 'alpha'));
      await fileRestorePoint(layout, publication);
      await publishRestorePoint(layout, publication);
      ids.push(manifest.id);
    }
    const [cut = '', gone = '', unpinned = ''] = ids;
    await setPinned(layout, unpinned, false);
    truncateSync(join(layout.snapshots, cut, 'manifest.json'), 100);
    rmSync(join(layout.snapshots, gone, 'manifest.json'));
    const listed = await listRestorePoints(layout);
    const few = await listRestorePoints(layout, (id) => id.endsWith('0Z') && ids.indexOf(id) < 90);
    assert.equal(listed.map(({ manifest }) => manifest.id).sort(), ids.slice(2));
    assert.equal(
      listed.filter(({ pinned }) => pinned).map(({ manifest }) => manifest.id),
      [ids[7]],
    );
    assert.equal(
      listed.filter((point) => point.unpinned).map(({ manifest }) => manifest.id),
      [unpinned],
    );
    assert.ok(few.length > 0);
    for (const point of few)
      assert.equal(
        listed.find(({ manifest }) => manifest.id === point.manifest.id),
        point,
      );
    const whole = new Set(listed.map(({ manifest }) => manifest.id));
    assert.equal([...(await damagedRestorePoints(layout, whole))].sort(), [cut, gone]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
