import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotDocument, SnapshotReport } from '../../src/model/snapshot.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { codes, listed, rollback, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { startedAt, stateOf } from '../support/cycle/containers.ts';
import { expectConsistent, inRole, locationOf } from '../support/cycle/images.ts';
import { volumeName, type Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { leftovers, storeOf } from '../support/store.ts';

requireLab();

interface Given {
  lab: Lab;
  alpha: Agent;
}

const archives = (lab: Lab): string[] => readdirSync(join(storeOf(lab), 'archives'));
const workspaceOf = (point: SnapshotDocument): string =>
  locationOf(point, volumeName(point.agent, 'workspace'));

const test = suite<Given>('archives of agents on ext4');

test.before(async (given) => {
  given.lab = await startLab({ fs: 'ext4', size: '8G' });
  given.alpha = await given.lab.startAgent({ name: 'alpha', env: { LAB_BURST: '20' } });
});
test.after(async ({ lab }) => lab?.stop());

test('an archive that was tampered with, cut off or lost is refused before anybody is stopped', async ({
  lab,
  alpha,
}) => {
  const begun = await startedAt(lab, alpha.container);
  const spoil: readonly ((file: string) => void)[] = [
    (file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(file, bytes);
    },
    (file) => truncateSync(file, 100),
    (file) => rmSync(file),
  ];
  for (const [index, work] of spoil.entries()) {
    const point = await takeOne(lab, 'alpha');
    work(join(workspaceOf(point), 'data.tar.zst'));
    const refused = await rollback(lab, 'alpha', ['--snapshot', point.id]);
    const found = refused.json.failures ?? [];
    assert.is(refused.exitCode, 1, refused.stdout);
    if (index === 0) assert.equal(codes({ failures: found }), ['ARCHIVE_DAMAGED']);
    assert.is(await startedAt(lab, alpha.container), begun);
    const { exitCode, json } = await lab.cowherd<SnapshotReport>(['snapshots', '--json']);
    const isListed = json.snapshots.some(({ id }) => id === point.id);
    assert.equal([exitCode, isListed], index === 0 ? [0, true] : [3, false]);
    // The next one is not on top of what is not whole; of contents only a reading tells.
    if (index === 0) await destroy(lab, point);
    await expectConsistent(lab, await takeOne(lab, 'alpha'));
  }
  const doctor = await lab.cowherd<DoctorDocument>(['doctor', '--json']);
  assert.ok(
    doctor.json.findings.some(({ code }) => code === 'DAMAGED_RESTORE_POINT'),
    doctor.stdout,
  );
});

test('what a chain needs stays until nothing needs it', async (given) => {
  const { lab } = given;
  await given.lab.startAgent({ name: 'chained' });
  const first = await takeOne(lab, 'chained');
  const later = await takeOne(lab, 'chained');
  const before = await inRole(lab, later, 'workspace', digestOf);
  await destroy(lab, first);
  assert.is(await inRole(lab, later, 'workspace', digestOf), before);
  await rolledBack(lab, 'chained', ['--snapshot', later.id]);
  for (const point of await listed(lab, ['chained'])) await destroy(lab, point);
  const left = [...archives(lab), ...readdirSync(join(storeOf(lab), 'staging'))];
  assert.equal(
    left.filter((name) => name.includes('chained')),
    [],
  );
});

test('what a directory does not carry any more does not come back', async ({ lab, alpha }) => {
  const directory = join(alpha.path('workspace'), 'shared-out');
  await must(['setfacl', '-d', '-m', 'u:1234:rwx', directory]);
  await must(['setfattr', '-n', 'user.gone', '-v', 'x', directory]);
  const before = await takeOne(lab, 'alpha');
  await must(['setfacl', '-k', directory]);
  await must(['setfattr', '-x', 'user.gone', directory]);
  const after = await takeOne(lab, 'alpha');
  const attributesIn = async (point: SnapshotDocument): Promise<string> =>
    inRole(lab, point, 'workspace', async (image) =>
      must(['getfattr', '-d', '-m', '-', '-e', 'hex', join(image, 'shared-out')]),
    );
  const [then, now] = [await attributesIn(before), await attributesIn(after)];
  assert.ok(then.includes('user.gone=') && then.includes('posix_acl_default='), then);
  assert.not.ok(now.includes('user.gone=') || now.includes('posix_acl_default='), now);
});

test('nobody is frozen for what would take too long', async ({ lab, alpha }) => {
  const config = lab.writeConfig('hasty', { quiesce: { maxFreeze: '1ms' } });
  const hasty = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json'], { config });
  assert.equal([hasty.exitCode, codes(hasty.json)], [1, ['FREEZE_TIMEOUT']]);
  assert.match(hasty.json.failures[0]?.message ?? '', 'nobody was frozen');
  assert.is(await stateOf(lab, alpha.container), 'running');
  assert.equal(leftovers(lab), []);
});

async function destroy(lab: Lab, { id }: SnapshotDocument): Promise<void> {
  const { exitCode, stdout, stderr } = await lab.cowherd([
    'prune',
    '--id',
    id,
    '--force',
    '--yes',
    '--json',
  ]);
  assert.is(exitCode, 0, stdout + stderr);
}

function digestOf(image: string): string {
  return createHash('sha256')
    .update(readFileSync(join(image, 'data/agent.db')))
    .digest('hex');
}

test.run();
