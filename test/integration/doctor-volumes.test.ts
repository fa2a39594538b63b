import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { doctor } from '../../src/usecases/doctor.ts';
import { needsPerson } from '../../src/usecases/finding.ts';
import type { TestContext } from '../support/context.ts';
import { adopt, capture, codes, dataOf, found, isolatedContext } from '../support/findings.ts';
import { requireLab } from '../support/lab/available.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must, run } from '../support/lab/run.ts';

requireLab();

interface Scene {
  lab: Lab;
  context: TestContext;
}

const test = suite<Scene>('doctor: volumes and their users');

test.before(async (scene) => {
  scene.lab = await startLab({ agents: ['alpha'] });
  scene.context = await isolatedContext(scene.lab);
  await adopt(scene.context, 'alpha');
  await capture(scene.context, 'alpha');
});

test.after(async ({ lab }) => {
  await lab.stop();
});

test('NOCOW and immutable files are counted in an image, never in the live tree', async ({
  context,
  lab,
}) => {
  await lab.docker(['volume', 'create', 'flagged']);
  const data = dataOf(lab, 'flagged');
  writeFileSync(join(data, 'disk.img'), '');
  writeFileSync(join(data, 'fixed'), 'x');
  await must(['chattr', '+C', join(data, 'disk.img')]);
  await must(['chattr', '+i', join(data, 'fixed')]);
  const document = await doctor(context, ['flagged']);
  assert.match(found(document, 'NOCOW').message, '1 entry is');
  assert.is(found(document, 'IMMUTABLE').severity, 'info');
  assert.is(found(document, 'IMMUTABLE').volume, 'flagged');
  await must(['chattr', '-i', join(data, 'fixed')]);
  await lab.docker(['volume', 'rm', 'flagged']);
});

test('a nested subvolume keeps a volume that is not isolated from being captured', async ({
  context,
  lab,
}) => {
  await lab.docker(['volume', 'create', 'nesting']);
  await must(['btrfs', 'subvolume', 'create', join(dataOf(lab, 'nesting'), 'inner')]);
  const document = await doctor(context, ['nesting']);
  assert.equal(codes(document), ['NESTED_SUBVOLUMES']);
  assert.is(found(document, 'NESTED_SUBVOLUMES').severity, 'error');
  assert.is(document.agents[0]?.volumes[0]?.protected, false);
  await must(['btrfs', 'subvolume', 'delete', join(dataOf(lab, 'nesting'), 'inner')]);
  await lab.docker(['volume', 'rm', 'nesting']);
});

test('an active swapfile is found where it keeps snapshots from being taken', async ({
  context,
  lab,
}) => {
  const swapfile = join(dataOf(lab, 'agent-alpha-public'), 'swap file');
  writeFileSync(swapfile, '', { mode: 0o600 });
  await must(['chattr', '+C', swapfile]);
  await must(['fallocate', '-l', '4M', swapfile]);
  await must(['mkswap', swapfile]);
  if ((await run(['swapon', swapfile])).exitCode !== 0) return;
  try {
    const document = await doctor(context, []);
    const { volume, severity, mend } = found(document, 'SWAPFILE');
    assert.equal([volume, severity], ['agent-alpha-public', 'error']);
    assert.match(mend ?? '', `swapoff ${swapfile}`);
    assert.is(document.findings.filter(({ code }) => code === 'SWAPFILE').length, 1);
    assert.not(codes(document).includes('NOT_INSPECTED'));
  } finally {
    await must(['swapoff', swapfile]);
    await must(['rm', swapfile]);
  }
});

test('a container started with --rm stands in the way of a rollback', async ({ context, lab }) => {
  const sleeper = ['run', '-d', '--rm', '--network', 'none', '--name', 'passing'];
  await lab.docker([...sleeper, '-v', 'fleeting:/data', AGENT_IMAGE, 'sleep', '1000']);
  const document = await doctor(context, ['fleeting']);
  assert.is(found(document, 'AUTOREMOVE_USER').severity, 'warn');
  assert.match(found(document, 'AUTOREMOVE_USER').message, 'passing');
  await lab.docker(['rm', '-f', 'passing']);
});

test('another agent that uses a volume, an orchestrator and an overseer are named', async ({
  context,
  lab,
}) => {
  const sleeper = ['run', '-d', '--network', 'none', '--stop-timeout', '0'];
  const label = ['--label', 'com.docker.swarm.task.id=1', '--label', 'trinity.agent-name=guest'];
  const shared = ['-v', 'agent-alpha-shared:/in', '-v', `${lab.mnt}:/host`, '-v', 'guest:/data'];
  await lab.docker([
    ...sleeper,
    ...label,
    ...shared,
    '--name',
    'guest',
    AGENT_IMAGE,
    'sleep',
    '99',
  ]);
  const document = await doctor(context, ['alpha']);
  assert.equal(codes(document), ['ORCHESTRATED_USER', 'OTHER_USERS', 'OVERSEER']);
  assert.is(needsPerson(document.findings), false);
  assert.match(found(document, 'OTHER_USERS').message, 'guest');
  assert.match(document.agents[0]?.volumes[0]?.missing ?? '', 'Docker swarm');
  await lab.docker(['rm', '-f', 'guest']);
});

test('snapshots that another tool takes around isolated volumes are named', async ({
  context,
  lab,
}) => {
  const other = join(lab.mnt, 'snapper-1');
  await must(['btrfs', 'subvolume', 'snapshot', '-r', lab.mnt, other]);
  const document = await doctor(context, ['alpha']);
  assert.match(found(document, 'BACKUP_TOOLS').message, '/snapper-1');
  await must(['btrfs', 'subvolume', 'delete', other]);
});

test('a received subvolume in place of a volume is a warning', async ({ context, lab }) => {
  const [sent, into, stream] = ['sent', 'into', 'stream'].map((name) => join(lab.mnt, name));
  const subvolume = (...args: string[]) => must(['btrfs', 'subvolume', ...args]);
  await lab.docker(['volume', 'create', 'received']);
  const data = dataOf(lab, 'received');
  await subvolume('create', sent!);
  await must(['btrfs', 'property', 'set', sent!, 'ro', 'true']);
  await must(['btrfs', 'send', '-f', stream!, sent!]);
  mkdirSync(into!);
  await must(['btrfs', 'receive', '-f', stream!, into!]);
  await must(['rmdir', data]);
  await subvolume('snapshot', '-r', join(into!, 'sent'), data);
  const document = await doctor(context, ['received']);
  assert.is(found(document, 'RECEIVED_UUID').severity, 'warn');
  await subvolume('delete', data);
  await lab.docker(['volume', 'rm', 'received']);
});

test.run();
