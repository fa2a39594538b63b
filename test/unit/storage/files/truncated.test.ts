import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { TransactionRecord } from '../../../../src/model/transaction.ts';
import { readRecords, writeRecord } from '../../../../src/quiesce/records.ts';
import { createLayout, layoutOf, type Layout } from '../../../../src/storage/files/layout.ts';
import {
  damagedRecords,
  listRecords,
  listRetired,
  markRetired,
  saveRecord,
} from '../../../../src/storage/files/records.ts';
import {
  damagedRestorePoints,
  fileRestorePoint,
  listRestorePoints,
  partialDirectory,
  publishRestorePoint,
} from '../../../../src/storage/files/restore-points.ts';
import { restorePoint } from '../../../support/placed.ts';

interface Given {
  directory: string;
  layout: Layout;
}

const test = suite<Given>('a file of ours that was cut short');

test.before.each(async (given) => {
  given.directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
  given.layout = layoutOf(given.directory);
  await createLayout(given.layout);
});
test.after.each(({ directory }) => {
  rmSync(directory, { recursive: true });
});

/** Cuts a file at each byte, which `check` is told; then it is whole again. */
async function atEveryByte(file: string, check: (cut: string) => Promise<void> | void) {
  const whole = readFileSync(file);
  for (let length = 0; length < whole.length; length += 1) {
    writeFileSync(file, whole.subarray(0, length));
    await check(whole.subarray(0, length).toString());
    assert.is(readFileSync(file).length, length, 'it was touched');
  }
  writeFileSync(file, whole);
}

/** Only its last byte, a newline, is no loss. */
const isWhole = (cut: string): boolean => cut.endsWith('\n}');

test('a record of a transaction: told with its path, and the others are read', async ({
  layout,
}) => {
  const [one, other] = [recordOf('4194303-1-one', 'alpha'), recordOf('4194303-2-two', 'beta')];
  await saveRecord(layout, one);
  await saveRecord(layout, other);
  const path = join(layout.transactions, `${one.id}.json`);
  await atEveryByte(path, async (cut) => {
    assert.equal(await listRecords(layout), isWhole(cut) ? [one, other] : [other]);
    const agent = cut.includes('"alpha",') ? 'alpha' : null;
    const damaged = isWhole(cut) ? [] : [{ path, underWay: true, agent }];
    assert.equal(await damagedRecords(layout), damaged);
  });
  assert.equal(await damagedRecords(layout), []);
});

test('a record of retired data: told as no transaction under way', async ({ layout }) => {
  const record = recordOf('4194303-1-one', 'alpha');
  await markRetired(layout, record);
  const path = join(layout.retired, `${record.id}.json`);
  await atEveryByte(path, async (cut) => {
    assert.is((await listRetired(layout)).length, isWhole(cut) ? 1 : 0);
    assert.equal(
      (await damagedRecords(layout)).map(({ underWay }) => underWay),
      isWhole(cut) ? [] : [false],
    );
    assert.equal(await listRecords(layout), []);
  });
});

test('a record that says another id than its name is damaged', async ({ layout }) => {
  const path = join(layout.transactions, '4194303-1-one.json');
  writeFileSync(path, JSON.stringify(recordOf('4194303-2-two', 'alpha')));
  assert.equal(await listRecords(layout), []);
  assert.is((await damagedRecords(layout)).length, 1);
  mkdirSync(join(layout.transactions, '4194303-3-three.json'));
  assert.is((await damagedRecords(layout)).length, 2);
});

test('a manifest: its restore point is not listed, but told; the other is listed', async ({
  layout,
}) => {
  const points = ['2026-11-22T11:05:03.000Z', '2026-11-22T11:05:04.000Z'].map((createdAt) =>
    restorePoint('alpha', ['one', 'two'], { createdAt }),
  );
  for (const { manifest } of points) {
    const publication = { key: 'alpha', manifest, pinned: true };
    mkdirSync(partialDirectory(layout, 'alpha'));
    await fileRestorePoint(layout, publication);
    await publishRestorePoint(layout, publication);
  }
  const [id = '', other = ''] = points.map(({ manifest }) => manifest.id);
  await atEveryByte(join(layout.snapshots, id, 'manifest.json'), async (cut) => {
    const listed = (await listRestorePoints(layout)).map(({ manifest }) => manifest.id);
    assert.equal(listed.sort(), isWhole(cut) ? [id, other] : [other]);
    assert.equal(await damagedRestorePoints(layout), isWhole(cut) ? [] : [id]);
  });
});

test('a record of a freeze: told, and left where it is', async ({ directory }) => {
  const targets = [{ containerId: 'c0', name: 'one', method: 'pause', cgroup: null }] as const;
  const rest = { socket: '/s', createdAt: '2026-11-22T11:05:03.000Z', targets };
  const file = writeRecord({ runtimeDir: directory, id: 'one', ...rest });
  await atEveryByte(file, () => {
    assert.equal(readRecords(directory), [{ file, record: null }]);
  });
  assert.is.not(readRecords(directory)[0]?.record, null);
});

function recordOf(id: string, agent: string): TransactionRecord {
  const tree = { kind: 'dataset', guid: 'e0f1' } as const;
  const volume = { name: 'v', fsId: 'fs-1', pathInFs: '/v/_data', old: tree, new: tree };
  const container = { id: 'c0', name: 'one', ran: true, paused: false, unhealthy: false };
  return {
    ...{ format: 1, id, kind: 'rollback', agent, createdAt: '2026-11-22T11:05:03.000Z' },
    ...{ phase: 'swapping', snapshot: `${agent}@x`, safety: null, start: true },
    ...{ volumes: [volume], containers: [container], dependents: [] },
  };
}

test.run();
