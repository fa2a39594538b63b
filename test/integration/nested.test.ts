import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { convert, listed, prune, rolledBack, take, takeOne } from '../support/cycle/commands.ts';
import { expectConsistent, text } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireFilesystem, requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { storeEntries } from '../support/store.ts';

requireLab();
requireFilesystem('btrfs', 'subvolumes inside a volume');

let lab: Lab;
let alpha: Agent;
let beta: Agent;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha' });
  beta = await lab.startAgent({ name: 'beta' });
  await convert(lab, 'adopt', ['alpha']);
});

test.after(async () => {
  await lab.stop();
});

/** A subvolume of the agent with a file in it. */
async function subvolume(path: string, content: string): Promise<void> {
  await must(['btrfs', 'subvolume', 'create', path]);
  chownSync(path, 1000, 1000);
  writeFileSync(join(path, 'file'), content);
}

test('a subvolume inside an isolated volume is captured and restored with it', async () => {
  const nested = join(alpha.path('workspace'), 'nested');
  await subvolume(nested, 'one');
  await subvolume(join(nested, 'deeper'), 'two');
  const point = await takeOne(lab, 'alpha');
  writeFileSync(join(nested, 'file'), 'changed');
  writeFileSync(join(nested, 'deeper/file'), 'changed');
  const { safety } = await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(text(nested, 'file'), 'one');
  assert.is(text(nested, 'deeper/file'), 'two');
  await rolledBack(lab, 'alpha', ['--snapshot', safety ?? '']);
  assert.is(text(nested, 'file'), 'changed');
  assert.is(text(nested, 'deeper/file'), 'changed');
});

test('it comes back even where the volume has become a plain directory since', async () => {
  const nested = join(alpha.path('workspace'), 'nested');
  const point = await takeOne(lab, 'alpha');
  await must(['btrfs', 'subvolume', 'delete', join(nested, 'deeper'), nested]);
  await convert(lab, 'unadopt', ['alpha']);
  await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(text(nested, 'file'), 'changed');
  assert.is(text(nested, 'deeper/file'), 'changed');
});

test('one whose name breaks the line is one like any other', async () => {
  const nested = join(alpha.path('workspace'), 'line\nbreak');
  await subvolume(nested, 'one');
  const point = await takeOne(lab, 'alpha');
  writeFileSync(join(nested, 'file'), 'changed');
  await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(text(nested, 'file'), 'one');
});

test('what was retired with them goes with the safety snapshots', async () => {
  const ids = (await listed(lab, ['alpha'])).filter(({ safety }) => safety).map(({ id }) => id);
  const { exitCode, stdout } = await prune(lab, ids, ['--force']);
  assert.is(exitCode, 0, stdout);
  assert.equal(storeEntries(lab), { retired: [], staged: [], transactions: [] });
});

test('one inside a volume that is not isolated: that volume is skipped, the others are not', async () => {
  const nested = join(beta.path('public'), 'line\nbreak');
  await subvolume(nested, 'one');
  const { snapshots, skipped } = await take(lab, ['beta']);
  assert.equal(
    skipped.map(({ volume, code }) => [volume, code]),
    [[beta.volumes.public, 'TIER_UNSUPPORTED']],
  );
  assert.equal(
    snapshots[0]?.volumes.map(({ name }) => name),
    [beta.volumes.shared, beta.volumes.workspace],
  );
  assert.is((await lab.cowherd(['adopt', 'beta', '--yes'])).exitCode, 1);
  assert.is(text(nested, 'file'), 'one');
  await must(['btrfs', 'subvolume', 'delete', nested]);
});

test('names that look like lines of a listing do no harm to a neighbour', async () => {
  const uuid = '01234567-89ab-cdef-0123-456789abcdef';
  const line = `x\nID 300 gen 9 top level 5 parent_uuid -     uuid ${uuid} path docker`;
  const forged = join(alpha.path('workspace'), line, 'volumes', beta.volumes.workspace, '_data');
  mkdirSync(forged, { recursive: true });
  await subvolume(join(forged, 'fake'), 'one');
  const { snapshots, skipped } = await take(lab, []);
  assert.equal(skipped, []);
  assert.equal(snapshots.map(({ agent }) => agent).sort(), ['alpha', 'beta']);
  for (const point of snapshots) {
    assert.is(point.volumes.length, 3);
    await expectConsistent(lab, point);
  }
  await rolledBack(lab, 'alpha');
  assert.is(text(forged, 'fake/file'), 'one');
  assert.equal(await convert(lab, 'adopt', ['beta']), { beta: 'adopted' });
});

test('docker volume rm takes a volume with subvolumes in it, and a rollback brings it back', async () => {
  const point = await takeOne(lab, 'alpha');
  await lab.docker(['rm', '-f', alpha.container]);
  await lab.tryDocker(['volume', 'rm', alpha.volumes.workspace]);
  await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(text(alpha.path('workspace'), 'nested/file'), 'changed');
  assert.ok(existsSync(join(alpha.path('workspace'), 'data/agent.db')));
  assert.ok(readdirSync(alpha.path('workspace')).includes('line\nbreak'));
});

test.run();
