import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { labProblem } from '../support/lab/available.ts';
import { must, run } from '../support/lab/run.ts';

const ROOT = join(import.meta.dirname, '../..');
const VAGRANTFILE = readFileSync(join(ROOT, 'vagrant/Vagrantfile'), 'utf8');

let home = '';
test.before(() => {
  home = mkdtempSync(join(tmpdir(), 'vagrant-'));
});
test.after(() => rmSync(home, { recursive: true }));

test('vagrant finds no fault with the Vagrantfile', async () => {
  await run([join(ROOT, 'scripts/setup'), '--vagrant'], { timeoutMs: 300_000 });
  const problem = labProblem(['vagrant', 'ssh-keygen']);
  if (problem !== undefined) {
    console.log(`SKIP: ${problem}`);
    return;
  }
  const env = {
    VAGRANT_HOME: home,
    VAGRANT_DOTFILE_PATH: join(home, 'machines'),
    VAGRANT_CHECKPOINT_DISABLE: '1',
  };
  await must(['vagrant', 'validate', '--ignore-provider'], { cwd: join(ROOT, 'vagrant'), env });
});

test('Vagrant and the ZFS machine are provisioned by the same scripts', () => {
  const build = readFileSync(join(ROOT, 'test/support/machine/build-image.sh'), 'utf8');
  const provisioners = globSync('vagrant/provision/*.sh', { cwd: ROOT }).map((path) =>
    basename(path, '.sh'),
  );
  assert.equal(provisioners.sort(), ['docker', 'node', 'packages', 'ssh', 'volumes', 'zfs']);
  for (const name of provisioners) {
    assert.match(VAGRANTFILE, new RegExp(`\\b${name}\\b`));
    if (name !== 'volumes') assert.match(build, `${name}.sh`);
  }
});

test.run();
