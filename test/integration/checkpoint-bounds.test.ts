import { chownSync, copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SqliteRow } from '../../src/model/snapshot.ts';
import {
  checkpointVolume,
  isCheckpointed,
  type CheckpointRequest,
} from '../../src/quiesce/checkpoint.ts';
import { CHILD_LIMITS } from '../../src/quiesce/child-limits.ts';
import { privilegedGids } from '../../src/quiesce/privileged-groups.ts';
import { makeSlots } from '../../src/quiesce/slots.ts';
import { requireTools } from '../support/quiesce/available.ts';
import { makeLarge, makeLong, makeWide } from '../support/quiesce/heavy.ts';
import {
  AGENT,
  makeUncleanDatabase,
  makeVolume,
  type TestVolume,
} from '../support/quiesce/volume.ts';
import { scanImage } from '../support/quiesce/scan.ts';

requireTools();

const test = suite<{ volume: TestVolume }>('sqlite: what a child may use');
const MIB = 1024 ** 2;

test.before.each(async (context) => {
  context.volume = await makeVolume(4 * 1024 * MIB);
});
test.after.each(async ({ volume }) => {
  await volume.remove();
});

async function checkpoint(
  volume: TestVolume,
  over: Partial<CheckpointRequest> = {},
): Promise<readonly SqliteRow[]> {
  const { databases } = await scanImage(await volume.snapshot());
  const { data: root, runtimeDir } = volume;
  const request = { volumeName: 'v', root, databases, runtimeDir, busyTimeoutMs: 300, ...over };
  return checkpointVolume({ mode: 'passive', ...request });
}

/** The one row there must be. */
async function only(volume: TestVolume, over: Partial<CheckpointRequest> = {}): Promise<SqliteRow> {
  const [row, ...more] = await checkpoint(volume, over);
  assert.ok(row !== undefined && more.length === 0);
  return row;
}

test('an ordinary database of 1 GB gets its checkpoint within all of it', async ({ volume }) => {
  await makeLarge(join(volume.data, 'large.db'), 990_000_000);
  const row = await only(volume, { timeoutMs: 60_000 });
  assert.ok(isCheckpointed(row), JSON.stringify(row));
  assert.ok(statSync(join(volume.data, 'large.db')).size > 1_000_000_000);
});

test('memory: a schema that does not fit is given up, with room it is not', async ({ volume }) => {
  await makeWide(join(volume.data, 'wide.db'), 80 * MIB);
  const tight = { ...CHILD_LIMITS, memoryBytes: 64 * MIB };
  const row = await only(volume, { limits: tight });
  assert.equal([row.busy, row.cause], [-1, 'stuck'], row.note);
  assert.ok(isCheckpointed(await only(volume)), 'with the usual limit');
});

test('processor time: a schema that takes too long is given up', async ({ volume }) => {
  await makeLong(join(volume.data, 'long.db'), 1_000_000);
  const row = await only(volume, { limits: { ...CHILD_LIMITS, cpuSeconds: 1 }, timeoutMs: 60_000 });
  assert.equal([row.busy, row.cause], [-1, 'stuck'], row.note);
});

test('size of files: none grows beyond what it may', async ({ volume }) => {
  const path = join(volume.data, 'grows.db');
  await makeUncleanDatabase(path);
  const row = await only(volume, { limits: { ...CHILD_LIMITS, fileBytes: 16 * 1024 } });
  assert.equal([row.busy, row.cause], [-1, 'stuck'], row.note);
  assert.ok(statSync(path).size <= 16 * 1024);
  assert.ok(isCheckpointed(await only(volume)), 'with the usual limit');
});

test('number: the rest is recorded as not asked', async ({ volume }) => {
  await makeMany(volume, 12);
  const rows = await checkpoint(volume, { most: 5, slots: makeSlots(1) });
  assert.is(rows.length, 12);
  assert.is(rows.filter(isCheckpointed).length, 5);
  assert.is(rows.filter(({ cause }) => cause === 'limit').length, 7);
});

test('time: what is not asked by the end of it is recorded so', async ({ volume }) => {
  await makeMany(volume, 200);
  const begun = performance.now();
  const rows = await checkpoint(volume, { budgetMs: 1_000 });
  assert.ok(performance.now() - begun < 30_000);
  assert.is(rows.length, 200);
  assert.ok(rows.some(({ cause }) => cause === 'limit'));
  assert.ok(rows.every((row) => isCheckpointed(row) || row.cause === 'limit'));
});

test('groups: nothing is opened for root or whoever may speak to Docker', async ({ volume }) => {
  for (const [name, gid] of [
    ['root.db', 0],
    ['docker.db', 77],
  ] as const) {
    await makeUncleanDatabase(join(volume.data, name));
    chownSync(join(volume.data, name), AGENT, gid);
  }
  const socket = join(volume.directory, 'docker.sock');
  writeFileSync(socket, '');
  chownSync(socket, 0, 77);
  const rows = await checkpoint(volume, { privilegedGids: await privilegedGids(socket) });
  assert.equal(
    rows.map(({ cause }) => cause),
    ['owner', 'owner'],
  );
  for (const name of ['root.db', 'docker.db'])
    assert.ok(existsSync(join(volume.data, `${name}-wal`)), 'not touched');
});

async function makeMany({ data }: TestVolume, count: number): Promise<void> {
  const first = join(data, '0.db');
  await makeUncleanDatabase(first);
  for (let n = 1; n < count; n += 1) {
    for (const side of ['', '-wal']) {
      const copy = join(data, `${String(n)}.db${side}`);
      copyFileSync(first + side, copy);
      chownSync(copy, AGENT, AGENT);
    }
  }
}

test.run();
