import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { expectConsistent } from '../support/cycle/images.ts';
import { requireLab } from '../support/lab/available.ts';
import { MAIN } from '../support/lab/cowherd.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { run } from '../support/lab/run.ts';
import { expectNoHalves } from '../support/store.ts';

requireLab();

let lab: Lab;

test.before(async () => {
  lab = await startLab({ fs: 'btrfs', agents: ['alpha'] });
  assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
});
test.after(async () => {
  await lab.stop();
});

/** In a mount namespace in which there is no perl. */
const HIDDEN = `mount -t tmpfs none "$0" && mkdir "$0/upper" "$0/work" && mknod "$0/upper/perl" c 0 0 &&
  mount -t overlay none -o "lowerdir=/usr/bin,upperdir=$0/upper,workdir=$0/work" /usr/bin &&
  ! command -v perl && exec "$@"`;

test('where there is no Perl the tools of btrfs take the snapshots', async () => {
  const over = join(lab.root, 'over');
  mkdirSync(over);
  const snapshot = [process.execPath, MAIN, 'snapshot', 'alpha', '--json'];
  const { exitCode, stdout, stderr } = await run(
    ['unshare', '--mount', '--', 'sh', '-c', HIDDEN, over, ...snapshot],
    { env: { COWHERD_CONFIG: lab.config } },
  );
  assert.is(exitCode, 0, stdout + stderr);
  const { snapshots } = JSON.parse(stdout) as SnapshotReport;
  assert.equal(
    snapshots.map(({ grade, volumes }) => [grade, volumes.length]),
    [['checkpointed', 3]],
  );
  for (const point of snapshots) await expectConsistent(lab, point);
  expectNoHalves(lab);
});

test.run();
