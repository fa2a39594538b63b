import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { toCowherdError } from '../../src/model/errors.ts';
import { listAgents } from '../../src/usecases/agents.ts';
import { doctor } from '../../src/usecases/doctor.ts';
import { needsPerson } from '../../src/usecases/finding.ts';
import { status } from '../../src/usecases/status.ts';
import type { TestContext } from '../support/context.ts';
import { adopt, capture, codes, dataOf, found, isolatedContext } from '../support/findings.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';

requireLab();

interface Scene {
  lab: Lab;
  context: TestContext;
}

const test = suite<Scene>('doctor: the host');

test.before(async (scene) => {
  scene.lab = await startLab({ agents: ['alpha', 'beta'] });
  scene.context = await isolatedContext(scene.lab);
});

test.after(async ({ lab }) => {
  await lab.stop();
});

test('a fresh host is not isolated, which is fine, and never captured, which is not', async ({
  context,
}) => {
  const document = await doctor(context, []);
  assert.equal(codes(document, 'error'), []);
  assert.equal(codes(document, 'warn'), ['NEVER_CAPTURED']);
  assert.is(found(document, 'NEVER_CAPTURED').mend, 'cowherd snapshot alpha');
  const plain = document.findings.filter(({ code }) => code === 'NOT_ISOLATED');
  assert.is(plain.length, 6);
  assert.is(plain[0]?.severity, 'info');
  assert.is(plain[0]?.mend, 'cowherd adopt alpha');
  assert.ok(needsPerson(document.findings));
  const [volume] = document.agents[0]?.volumes ?? [];
  assert.is(volume?.protected, false);
  assert.is(volume?.instantRollback, false);
  assert.is(volume?.missing, 'it is not isolated');
});

test('it looks and leaves nothing behind', async ({ context, lab }) => {
  const list = ['btrfs', 'subvolume', 'list', '-u', lab.mnt];
  const subvolumes = async () => (await must(list)).replaceAll(/gen \d+/g, '');
  const before = await subvolumes();
  await doctor(context, []);
  const transients = join(context.runtimeDir, 'fs', lab.fsUuid, '.cowherd/transient');
  assert.is(await must(['ls', transients]), '');
  assert.is(await subvolumes(), before);
});

test('only the agents asked for are reported', async ({ context }) => {
  const { agents, findings } = await doctor(context, ['be*']);
  assert.equal(
    agents.map(({ name }) => name),
    ['beta'],
  );
  assert.ok(findings.every(({ agent }) => agent === null || agent === 'beta'));
  const thrown = await doctor(context, ['nobody']).catch(
    (error: unknown) => toCowherdError(error).code,
  );
  assert.is(thrown, 'AGENT_UNKNOWN');
});

test('an isolated and captured agent needs nobody', async ({ context }) => {
  await adopt(context, 'alpha');
  await capture(context, 'alpha');
  const document = await doctor(context, ['alpha']);
  assert.equal(codes(document), []);
  const [alpha] = document.agents;
  assert.ok(alpha?.volumes.every((volume) => volume.protected && volume.instantRollback));
  assert.ok(alpha?.volumes.every(({ reason, missing, mend }) => !reason && !missing && !mend));
  assert.match(alpha?.lastSnapshot ?? '', /^alpha@/);
});

test('status says who is captured, and how much room there is', async ({ context, lab }) => {
  const { agents, filesystems, findings } = await status(context);
  const [alpha, beta] = agents;
  assert.is(alpha?.protected, true);
  assert.is(alpha?.grade, 'checkpointed');
  assert.is(alpha?.restorePoints, 1);
  assert.ok((alpha?.ageMs ?? -1) >= 0 && (alpha?.ageMs ?? 0) < 600_000);
  assert.is(beta?.protected, false);
  assert.is(beta?.lastSnapshot, null);
  assert.equal(
    filesystems.map(({ id }) => id),
    [lab.fsUuid],
  );
  assert.ok((filesystems[0]?.freeBytes ?? 0) > 1e9);
  assert.equal(codes({ findings }), ['NEVER_CAPTURED']);
});

test('agents lists what is where', async ({ context, lab }) => {
  const { agents } = await listAgents(context, ['alpha']);
  const workspace = agents[0]?.volumes.find(({ role }) => role === 'workspace');
  assert.equal(
    agents[0]?.containers.map(({ name, state }) => [name, state]),
    [['agent-alpha', 'running']],
  );
  assert.equal(workspace, {
    name: 'agent-alpha-workspace',
    role: 'workspace',
    mountpoint: dataOf(lab, 'agent-alpha-workspace'),
    filesystem: 'btrfs',
    tier: 'btrfs',
    isolated: true,
    dataset: '/docker/volumes/agent-alpha-workspace/_data',
    reason: null,
    users: ['agent-alpha'],
  });
  assert.match(agents[0]?.lastSnapshot ?? '', /^alpha@/);
});

test('a volume that came after the last snapshot is not protected', async ({ context, lab }) => {
  await lab.docker(['volume', 'create', '--label', 'trinity.agent-name=alpha', 'extra']);
  const document = await doctor(context, ['alpha']);
  const { volume, mend } = found(document, 'NEVER_CAPTURED');
  assert.equal([volume, mend], ['extra', 'cowherd snapshot alpha']);
  await lab.docker(['volume', 'rm', 'extra']);
});

test('what a killed run left is a warning, mended by recover', async ({ context, lab }) => {
  const store = join(context.runtimeDir, 'fs', lab.fsUuid, '.cowherd');
  const dead = join(store, 'transient', '4194303-1-1');
  await must(['btrfs', 'subvolume', 'create', dead]);
  mkdirSync(join(store, 'snapshots', 'alpha@20200101T000000Z'));
  const document = await status(context);
  assert.equal(codes(document), ['DAMAGED_RESTORE_POINT', 'LEFTOVERS', 'NEVER_CAPTURED']);
  assert.is(found(document, 'LEFTOVERS').mend, 'cowherd recover');
  await must(['btrfs', 'subvolume', 'delete', dead]);
  await must(['rmdir', join(store, 'snapshots', 'alpha@20200101T000000Z')]);
});

test('a transaction that was cut short is an error, also when its record is damaged', async ({
  context,
  lab,
}) => {
  const records = join(context.runtimeDir, 'fs', lab.fsUuid, '.cowherd/transactions');
  const record = { id: '4194303-1-abc', kind: 'rollback', agent: 'alpha', phase: 'swapping' };
  const lists = { volumes: [], containers: [], dependents: [] };
  const rest = { format: 1, createdAt: 'then', snapshot: null, safety: null, start: true };
  const file = join(records, '4194303-1-abc.json');
  writeFileSync(file, JSON.stringify({ ...record, ...lists, ...rest }));
  assert.equal(found(await doctor(context, ['alpha']), 'TRANSACTION_CUT_SHORT'), {
    code: 'TRANSACTION_CUT_SHORT',
    severity: 'error',
    agent: 'alpha',
    volume: null,
    message: 'the rollback of alpha begun at then was cut short (swapping)',
    mend: 'cowherd recover',
  });
  writeFileSync(file, '{');
  assert.is(found(await status(context), 'DAMAGED_RECORD').severity, 'error');
  await must(['rm', file]);
});

test('space below the limit, a listed path that is missing and one in use are found', async ({
  lab,
}) => {
  const place = join(lab.mnt, 'srv');
  mkdirSync(place);
  const paths = [
    { agent: 'platform', path: place },
    { agent: 'platform', path: join(lab.mnt, 'gone') },
    { agent: 'platform', path: '/dev/shm' },
  ];
  const config = lab.writeConfig('listed', { agents: { paths }, limits: { minFree: '99TiB' } });
  const document = await doctor(await isolatedContext(lab, config), ['platform']);
  assert.equal(codes(document, 'error'), ['LISTED_PATH_MISSING']);
  assert.equal(codes(document, 'warn'), ['LOW_SPACE', 'NEVER_CAPTURED', 'TIER_UNSUPPORTED']);
  assert.match(found(document, 'TIER_UNSUPPORTED').message, 'tmpfs');
});

test('with Docker unreachable the rest is still reported', async ({ lab }) => {
  const docker = { socket: join(lab.root, 'nobody.sock') };
  const paths = [{ agent: 'platform', path: join(lab.mnt, 'srv') }];
  const context = await isolatedContext(
    lab,
    lab.writeConfig('down', { docker, agents: { paths } }),
  );
  const document = await doctor(context, []);
  assert.equal(codes(document, 'error'), ['DOCKER_UNREACHABLE']);
  assert.equal(codes(document, 'warn'), ['NEVER_CAPTURED']);
  assert.equal(codes(await doctor(context, ['alpha']), 'error'), ['DOCKER_UNREACHABLE']);
  assert.equal(codes(await status(context), 'error'), ['DOCKER_UNREACHABLE']);
});

test.run();

const elsewhere = suite<Scene>('doctor on ext4');

elsewhere.before(async (scene) => {
  scene.lab = await startLab({ fs: 'ext4', size: '1G', agents: ['alpha'] });
  scene.context = await isolatedContext(scene.lab);
});

elsewhere.after(async ({ lab }) => {
  await lab.stop();
});

elsewhere(
  'what it can do is told, and nothing is copied only to be looked at',
  async ({ lab, context }) => {
    const document = await doctor(context, []);
    assert.equal(codes(document), ['NEVER_CAPTURED', 'STAGED']);
    const [volume] = document.agents[0]?.volumes ?? [];
    assert.equal([volume?.tier, volume?.protected, volume?.instantRollback], ['tar', false, false]);
    assert.match(volume?.missing ?? '', 'the tier tar cannot do it');
    assert.is((await status(context)).filesystems.length, 1);
    assert.not.ok(existsSync(join(lab.mnt, '.cowherd')));
  },
);

elsewhere('agents are listed all the same', async ({ context }) => {
  const { agents } = await listAgents(context, []);
  assert.is(agents[0]?.volumes[0]?.filesystem, 'ext4');
  assert.is(agents[0]?.lastSnapshot, null);
});

elsewhere.run();
