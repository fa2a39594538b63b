import { readFileSync, writeFileSync } from 'node:fs';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { convert, listed, prune, rolledBack, take, takeOne } from '../support/cycle/commands.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireFilesystem, requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { storeEntries } from '../support/store.ts';
import { subvolumeAt } from '../support/subvolume.ts';

requireLab();
requireFilesystem('btrfs', 'subvolumes inside a volume');

/** Directories of 255 bytes: more than the kernel looks up the path of, and more than a path may have. */
const TOO_DEEP = 17;

let lab: Lab;
let alpha: Agent;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha' });
  await lab.startAgent({ name: 'beta' });
  await convert(lab, 'adopt', ['alpha']);
});

test.after(async () => {
  await lab.stop();
});

const ODD = ['\xff', 'line\rfeed', '\n', '\xe2\x80', '\u0001'].map((name) =>
  Buffer.from(name, 'latin1'),
);

/** A file in a subvolume of any name. */
function fileIn(name: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${alpha.path('workspace')}/`),
    name,
    Buffer.from('/file \xff', 'latin1'),
  ]);
}

test('a subvolume of any name is captured and restored with its volume', async () => {
  for (const name of ODD) {
    await subvolumeAt(alpha.path('workspace'), 0, name);
    writeFileSync(fileIn(name), 'one');
  }
  const { snapshots, skipped } = await take(lab, ['alpha']);
  assert.equal(skipped, []);
  for (const name of ODD) writeFileSync(fileIn(name), 'changed');
  const { safety } = await rolledBack(lab, 'alpha', ['--snapshot', snapshots[0]?.id ?? '']);
  for (const name of ODD) assert.is(readFileSync(fileIn(name), 'utf8'), 'one');
  await rolledBack(lab, 'alpha', ['--snapshot', safety ?? '']);
  for (const name of ODD) assert.is(readFileSync(fileIn(name), 'utf8'), 'changed');
});

test('one that lies too deep is said not to be captured, and is no matter of others', async () => {
  await subvolumeAt(alpha.path('workspace'), TOO_DEEP, Buffer.from('deep'));
  await subvolumeAt(alpha.path('workspace'), 15, Buffer.from('near\xff', 'latin1'));
  const { snapshots, skipped } = await take(lab, []);
  assert.equal(snapshots.map(({ agent }) => agent).sort(), ['alpha', 'beta']);
  for (const { volumes } of snapshots) assert.is(volumes.length, 3);
  assert.equal(
    skipped.map(({ agent, volume, partial }) => [agent, volume, partial]),
    [['alpha', alpha.volumes.workspace, true]],
  );
});

test('the others can be looked at and adopted all the same', async () => {
  const { findings } = (await lab.cowherd<DoctorDocument>(['doctor', '--json'])).json;
  const codes = findings.map(({ code, agent, severity }) => [code, agent, severity].join(' '));
  assert.ok(codes.includes('NESTED_SUBVOLUMES alpha warn'), codes.join('\n'));
  assert.not.ok(codes.some((code) => code.startsWith('STORE_UNREADABLE')));
  assert.equal(await convert(lab, 'adopt', ['beta']), { beta: 'adopted' });
  await takeOne(lab, 'beta');
  await rolledBack(lab, 'beta');
});

test('its own agent is rolled back all the same', async () => {
  const { snapshots } = await take(lab, ['alpha']);
  writeFileSync(fileIn(Buffer.from('\xff', 'latin1')), 'changed again');
  await rolledBack(lab, 'alpha', ['--snapshot', snapshots[0]?.id ?? '']);
  assert.is(readFileSync(fileIn(Buffer.from('\xff', 'latin1')), 'utf8'), 'changed');
});

test('what was retired with it can be destroyed, read-only parts too', async () => {
  const volume = alpha.path('workspace');
  await subvolumeAt(volume, TOO_DEEP, Buffer.from('again'));
  await subvolumeAt(volume, 0, Buffer.from('fixed'));
  await subvolumeAt(`${volume}/fixed`, TOO_DEEP, Buffer.from('deep'));
  await must(['btrfs', 'property', 'set', '-t', 'subvol', `${volume}/fixed`, 'ro', 'true']);
  await takeOne(lab, 'alpha');
  await rolledBack(lab, 'alpha');
  const ids = (await listed(lab, [])).filter(({ safety }) => safety).map(({ id }) => id);
  const { exitCode, stdout } = await prune(lab, ids, ['--force']);
  assert.is(exitCode, 0, stdout);
  assert.equal(storeEntries(lab), { retired: [], staged: [], transactions: [] });
});

test.run();
