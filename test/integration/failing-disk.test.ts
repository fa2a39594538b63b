import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { rollback, takeOne, type ErrorDocument } from '../support/cycle/commands.ts';
import { sleeper, startedAt, stateOf } from '../support/cycle/containers.ts';
import { addFailingDisk, type FailingDisk } from '../support/faults/failing-disk.ts';
import { found } from '../support/findings.ts';
import { freezerOf } from '../support/kill/frozen.ts';
import { reaches } from '../support/kill/phase.ts';
import { requireFilesystem, requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';

requireLab();
requireFilesystem('btrfs', 'a pool whose disk fails is suspended, and everybody waits');

const USER = 'failing-user';

interface Given {
  lab: Lab;
  disk: FailingDisk;
  config: string;
  data: string;
  then: string;
}

const test = suite<Given>('a disk that fails');

test.before(async (given) => {
  const lab = await startLab({ size: '2G', agents: ['alpha'] });
  given.lab = lab;
  const disk = await addFailingDisk(lab);
  given.disk = disk;
  given.data = join(disk.mnt, 'data');
  await must(['btrfs', 'subvolume', 'create', given.data]);
  writeFileSync(join(given.data, 'note'), 'then');
  const agents = { paths: [{ agent: 'failing', path: given.data }] };
  given.config = lab.writeConfig('failing', { agents });
  await sleeper(lab, USER, ['--volume', `${given.data}:/data`]);
  given.then = (await takeOne(lab, 'failing', [], { config: given.config })).id;
});

test.after.each(async ({ lab, disk, config, data }) => {
  await lab.docker(['stop', '--time', '0', USER]);
  await disk.heal();
  const { exitCode, stdout } = await lab.cowherd(['recover', '--json'], { config });
  assert.is(exitCode, 0, stdout);
  assert.match(readFileSync(join(data, 'note'), 'utf8'), /^(then|now)$/);
  await lab.docker(['start', USER]);
  await takeOne(lab, 'failing', [], { config });
});

test.after(async ({ lab, disk }) => {
  await lab?.docker(['rm', '-f', USER]);
  await disk?.remove();
  await lab?.stop();
});

type Coded = Omit<Failure, 'agent'>;

/** It says that the disk is at fault, in as many failures as there are, and what to do. */
function assertCoded(failures: readonly Coded[], said: string): void {
  assert.ok(failures.length > 0, said);
  for (const { code, hint } of failures) assert.ok(code === 'IO_ERROR' && hint !== '', said);
}

async function assertUntouched(lab: Lab, started: string): Promise<void> {
  assert.is(await startedAt(lab, USER), started, 'it was stopped');
  assert.is(await stateOf(lab, USER), 'running');
  assert.not.ok((await freezerOf(lab, USER)).frozen());
}

/** Data that differs from the restore point's lies on the disk, which is about to fail. */
async function beforehand({ lab, disk, data }: Given): Promise<string> {
  writeFileSync(join(data, 'note'), 'now');
  await must(['sync', '-f', data]);
  disk.prepare();
  return startedAt(lab, USER);
}

test('under a snapshot: coded, thawed, and the agents of other filesystems are captured', async (given) => {
  const { lab, disk, config, then } = given;
  const started = await beforehand(given);
  disk.fail();
  for (let round = 0; round < 2; round += 1) {
    const argv = ['snapshot', '--json'];
    const { exitCode, json, stdout } = await lab.cowherd<SnapshotReport>(argv, { config });
    assert.is(exitCode, 3, stdout);
    assert.equal(
      json.snapshots.map(({ agent }) => agent),
      ['alpha'],
    );
    assertCoded(json.failures, stdout);
    for (const { agent } of json.failures) assert.is(agent, 'failing');
    await assertUntouched(lab, started);
  }
  for (const command of ['snapshots', 'agents']) {
    const result = await lab.cowherd<{ failures: Coded[] }>([command, '--json'], { config });
    const { exitCode, json, stdout } = result;
    assert.match(stdout, '"alpha@');
    // What of the disk was read before may still be known: all of it, or that it cannot be read is said.
    if (exitCode === 0) assert.ok(command === 'agents' || stdout.includes(`"${then}"`), stdout);
    else assertCoded(json.failures, stdout);
    assert.is(exitCode, json.failures.length === 0 ? 0 : 3, stdout);
  }
  for (const command of ['doctor', 'status']) {
    const { exitCode, json } = await lab.cowherd<DoctorDocument>([command, '--json'], { config });
    assert.is(exitCode, 6);
    assert.is(found(json, 'READ_ONLY').severity, 'error');
  }
});

test('before a rollback: coded, and nobody was stopped', async (given) => {
  const { lab, disk, config, then } = given;
  const started = await beforehand(given);
  disk.fail();
  const argv = ['rollback', 'failing', '--yes', '--json', '--snapshot', then, '--include-users'];
  const { exitCode, json, stdout } = await lab.cowherd<ErrorDocument>(argv, { config });
  assert.is(exitCode, 1, stdout);
  assertCoded([json.error as Coded], stdout);
  await assertUntouched(lab, started);
  assert.is((await lab.cowherd(['snapshot', 'alpha'], { config })).exitCode, 0);
});

for (const phase of ['stopping', 'swapping', 'swapped'] as const)
  test(`while a rollback is ${phase}: said so, and recovered when the disk is well again`, async (given) => {
    const { lab, disk, config, then } = given;
    await beforehand(given);
    let over = false;
    const options = ['--snapshot', then, '--include-users'];
    const running = rollback(lab, 'failing', options, { config }).finally(() => (over = true));
    assert.ok(await reaches(disk, phase, () => over));
    disk.fail();
    const { exitCode, json, stdout } = await running;
    assert.is(exitCode, 1, stdout);
    assert.is(json.outcome, 'failed');
    assertCoded(json.failures, stdout);
    const state = await stateOf(lab, USER);
    assert.is(json.agentState, state === 'running' ? 'running' : 'stopped', stdout);
    if (state === 'running') assert.not.ok((await freezerOf(lab, USER)).frozen());
  });

test.run();
