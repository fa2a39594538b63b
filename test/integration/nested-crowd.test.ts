import { chownSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { deleteSubvolume } from '../../src/storage/btrfs/delete-subvolume.ts';
import { someNestedIn } from '../../src/storage/btrfs/nested-in.ts';
import { makeBtrfs } from '../support/contract/btrfs.ts';
import type { ContractFilesystem } from '../support/contract/filesystem.ts';
import { requireLab } from '../support/lab/available.ts';
import { must } from '../support/lab/run.ts';
import { subvolumeAt } from '../support/subvolume.ts';

requireLab();

/** Directories of 255 bytes inside each other: a path of about a MiB. */
const A_MIB_DEEP = 4_000;
/** With such paths, more than a string can hold. */
const CROWD = 540;

let fs: ContractFilesystem;

test.before(async () => {
  fs = await makeBtrfs('top');
});

test.after(async () => {
  await fs.remove();
});

async function volumeOf(name: string): Promise<string> {
  const { mountpoint } = await fs.volume(name, true);
  chownSync(mountpoint, 1000, 1000);
  return mountpoint;
}

function names(count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, at) => Buffer.from(`\n\xff${String(at)}`, 'latin1'));
}

async function idOf(path: string): Promise<string> {
  return (await must(['btrfs', 'inspect-internal', 'rootid', path])).trim();
}

test('a crowd deep in one volume is no matter of what is deleted elsewhere', async () => {
  const [crowded, other] = [await volumeOf('crowded'), await volumeOf('other')];
  await subvolumeAt(crowded, A_MIB_DEEP, ...names(CROWD));
  await subvolumeAt(other, 2, ...names(3));
  await subvolumeAt(other, 0, Buffer.from('inner'));
  await subvolumeAt(join(other, 'inner'), 0, Buffer.from('innermost'));
  await deleteSubvolume(other);
  assert.not.ok(existsSync(other));
  assert.ok(existsSync(crowded));
});

test('of a crowd no more is told at once than memory is meant for', async () => {
  const crowded = join(fs.scratch, 'mnt/volumes/crowded/_data');
  const told = await someNestedIn(crowded, await idOf(crowded));
  assert.is(told.length, 1);
});

test('it is deleted itself too, what is read-only and what lies in it included', async () => {
  const crowded = join(fs.scratch, 'mnt/volumes/crowded/_data');
  await subvolumeAt(crowded, 0, Buffer.from('fixed'));
  await subvolumeAt(join(crowded, 'fixed'), A_MIB_DEEP + 200, Buffer.from('beyond a MiB'));
  await must(['btrfs', 'property', 'set', '-t', 'subvol', join(crowded, 'fixed'), 'ro', 'true']);
  await deleteSubvolume(crowded);
  assert.not.ok(existsSync(crowded));
  assert.is(await fs.objects(), 0);
});

test('as many as fit are told together', async () => {
  const wide = await volumeOf('wide');
  await subvolumeAt(wide, 0, ...names(300));
  assert.is((await someNestedIn(wide, await idOf(wide))).length, 300);
  await deleteSubvolume(wide);
  assert.is(await fs.objects(), 0);
});

test.run();
