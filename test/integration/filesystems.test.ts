import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { RollbackReport } from '../../src/usecases/rollback.ts';
import { listed, rolledBack, take } from '../support/cycle/commands.ts';
import { addDisk, type Disk } from '../support/cycle/second-disk.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { storeEntries } from '../support/store.ts';

requireLab();

let lab: Lab;
let disk: Disk;
/** A directory on each filesystem. */
let own: string;
let far: string;

test.before(async () => {
  lab = await startLab();
  disk = await addDisk(lab);
  await lab.startAgent({ name: 'alpha' });
  own = join(lab.mnt, 'srv/platform');
  far = join(disk.mnt, 'data');
  for (const path of [own, far]) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'file'), 'then');
  }
});

test.after(async () => {
  await disk.remove();
  await lab.stop();
});

test('a store that cannot be read fails its own agent, and keeps nobody on another filesystem', async () => {
  const paths = [
    { agent: 'platform', path: own },
    { agent: 'distant', path: far },
  ];
  const split = { config: lab.writeConfig('split', { agents: { paths } }) };
  await take(lab, [], split);
  const store = join(disk.mnt, '.cowherd');
  renameSync(store, `${store}-aside`);
  writeFileSync(store, '');
  try {
    const report = await lab.cowherd<SnapshotReport>(['snapshot', '--json'], split);
    assert.is(report.exitCode, 3);
    assert.equal(report.json.snapshots.map(({ agent }) => agent).sort(), ['alpha', 'platform']);
    assert.equal(
      report.json.failures.map(({ agent, code }) => [agent, code]),
      [['distant', 'IO_ERROR']],
    );
    await rolledBack(lab, 'platform', [], split);
    const lists = await lab.cowherd<{ snapshots: [] }>(['snapshots', '--json'], split);
    assert.is(lists.exitCode, 3);
    assert.ok(lists.json.snapshots.length > 0);
    assert.is((await lab.cowherd(['agents'], split)).exitCode, 3);
    for (const argv of [
      ['rollback', 'distant'],
      ['prune', '--id', 'distant@20260101T000000Z'],
    ]) {
      const { exitCode, stdout } = await lab.cowherd([...argv, '--yes', '--json'], split);
      assert.is(exitCode, 1, stdout);
      assert.match(stdout, /"IO_ERROR"/);
    }
  } finally {
    unlinkSync(store);
    renameSync(`${store}-aside`, store);
  }
  assert.is((await lab.cowherd(['recover'], split)).exitCode, 0);
  assert.ok((await listed(lab, ['distant'], split)).length > 0);
});

test('a volume that is a whole filesystem is captured without the images that lie in it', async () => {
  const config = lab.writeConfig('whole', {
    agents: { paths: [{ agent: 'whole', path: disk.mnt }] },
  });
  await must(['btrfs', 'subvolume', 'create', join(disk.mnt, 'inner')]);
  for (let round = 0; round < 3; round += 1) {
    const result = await lab.cowherd<SnapshotReport>(['snapshot', 'whole', '--json'], { config });
    assert.is(result.exitCode, 0, result.stdout);
    assert.is(result.stderr, '');
    const id = result.json.snapshots[0]?.id ?? '';
    const images = readdirSync(join(disk.mnt, '.cowherd/snapshots', id));
    // The directory that was adopted above is a dataset inside it.
    assert.is(images.filter((name) => name.includes('.nested-')).length, 1);
  }
});

test('what is committed stays, whatever keeps the clean-up from ending, and recover ends it', async () => {
  const paths = [{ agent: 'platform', path: own }];
  const config = lab.writeConfig('committed', { agents: { paths } });
  const file = join(own, 'file');
  await take(lab, ['platform'], { config });
  writeFileSync(file, 'now');
  const retired = join(lab.mnt, '.cowherd/retired');
  await must(['chattr', '+i', retired]);
  try {
    const argv = ['rollback', 'platform', '--yes', '--json'];
    const { exitCode, json, stderr } = await lab.cowherd<RollbackReport>(argv, { config });
    assert.equal([exitCode, json.outcome], [0, 'rolled-back'], stderr);
    assert.match(stderr, /PERMISSION_DENIED.*cowherd recover/);
    assert.is(readFileSync(file, 'utf8'), 'then');
  } finally {
    await must(['chattr', '-i', retired]);
  }
  assert.is((await lab.cowherd(['recover'], { config })).exitCode, 0);
  assert.is(readFileSync(file, 'utf8'), 'then');
  assert.equal(storeEntries(lab).transactions, []);
});

test.run();
