import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { convert, listed, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { startedAt, stateOf } from '../support/cycle/containers.ts';
import { addDisk, type Disk } from '../support/cycle/second-disk.ts';
import { found } from '../support/findings.ts';
import { makeReadOnly, makeWritable, mountOf, privateMountOf } from '../support/faults/remount.ts';
import { freezerOf } from '../support/kill/frozen.ts';
import { runKilled } from '../support/kill/killed.ts';
import { requireFilesystem, requireLab } from '../support/lab/available.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import { isIsolated } from '../support/lab/isolated.ts';
import type { CowherdResult } from '../support/lab/cowherd.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { leftovers } from '../support/store.ts';

requireLab();
requireFilesystem('btrfs', 'datasets of a pool are remounted one by one');

/** `whole` has a subvolume of its own, `plain` is a directory. */
const AGENTS = ['whole', 'plain'] as const;
/** Writes for ever, and goes on when it cannot. */
const WRITER = 'trap "exit 0" TERM; while :; do echo tick >/data/tick; sleep 0.2; done';

interface Given {
  lab: Lab;
  disk: Disk;
  config: string;
  /** Restore points of `whole`: the oldest, one more, one that is pinned. */
  then: string;
  other: string;
  pinned: string;
  /** When the writers were started. */
  started: readonly string[];
}

const test = suite<Given>('a filesystem that becomes read-only');

test.before(async (given) => {
  const lab = await startLab({ size: '2G', agents: ['alpha'] });
  given.lab = lab;
  const disk = await addDisk(lab);
  given.disk = disk;
  await must(['btrfs', 'subvolume', 'create', join(disk.mnt, 'whole')]);
  mkdirSync(join(disk.mnt, 'plain'));
  const paths = AGENTS.map((agent) => ({ agent, path: join(disk.mnt, agent) }));
  const config = lab.writeConfig('read-only', { agents: { paths } });
  given.config = config;
  for (const { agent, path } of paths) {
    writeFileSync(join(path, 'note'), 'then');
    const volume = ['--volume', `${path}:/data`];
    const argv = ['run', '-d', '--name', agent, '--network', 'none', ...volume, AGENT_IMAGE];
    await lab.docker([...argv, 'sh', '-c', WRITER]);
  }
  const take = async (...args: string[]) => (await takeOne(lab, 'whole', args, { config })).id;
  given.then = await take();
  given.other = await take();
  given.pinned = await take('--pin');
  for (const agent of AGENTS) writeFileSync(join(disk.mnt, agent, 'note'), 'now');
  given.started = await startsOf(lab);
  await makeReadOnly(disk);
});

test.after(async ({ lab, disk }) => {
  if (lab !== undefined && disk !== undefined) {
    await lab.docker(['rm', '-f', ...AGENTS]);
    await disk.remove();
  }
  await lab?.stop();
});

function startsOf(lab: Lab): Promise<readonly string[]> {
  return Promise.all(AGENTS.map(async (agent) => startedAt(lab, agent)));
}

async function expectUntouched({ lab, disk, started }: Given): Promise<void> {
  assert.equal(await startsOf(lab), started, 'a container was stopped');
  for (const agent of AGENTS) {
    assert.is(await stateOf(lab, agent), 'running');
    assert.not.ok((await freezerOf(lab, agent)).frozen());
    assert.is(readFileSync(join(disk.mnt, agent, 'note'), 'utf8'), 'now');
  }
}

/** Where nothing was attempted there is one error, else one failure of the agent. */
interface Refusal {
  readonly error?: Omit<Failure, 'agent'>;
  readonly failures?: readonly Failure[];
}

function expectReadOnly({ exitCode, json, stdout }: CowherdResult<Refusal>): void {
  const refused = json.error === undefined ? (json.failures ?? []) : [json.error];
  assert.is(exitCode, 1, stdout);
  assert.equal(
    refused.map(({ code, hint }) => [code, /remount,rw/.test(hint)]),
    [['IO_ERROR', true]],
    stdout,
  );
}

const WRITES: Readonly<Record<string, (given: Given) => readonly string[]>> = {
  'a snapshot': () => ['snapshot', 'whole'],
  'a snapshot of a plain directory': () => ['snapshot', 'plain'],
  'an adopt': () => ['adopt', 'plain', '--yes', '--include-users'],
  'an unadopt': () => ['unadopt', 'whole', '--yes', '--include-users'],
  'a pin': ({ other }) => ['pin', other],
  'an unpin': ({ pinned }) => ['unpin', pinned],
  'a prune': ({ other }) => ['prune', '--id', other, '--yes'],
  'a rollback': ({ then }) => ['rollback', 'whole', '--snapshot', then, '--yes', '--include-users'],
};

for (const [what, argvOf] of Object.entries(WRITES))
  test(`${what} says so, and touches nobody`, async (given) => {
    const { lab, config } = given;
    expectReadOnly(await lab.cowherd<Refusal>([...argvOf(given), '--json'], { config }));
    await expectUntouched(given);
  });

test('a person is told in two lines', async ({ lab, config }) => {
  const { exitCode, stderr } = await lab.cowherd(['--quiet', 'snapshot', 'whole'], { config });
  assert.is(exitCode, 1);
  assert.match(stderr, /^cowherd: IO_ERROR: whole: .*read-only.*\nhint: .*dmesg.*\n$/i);
});

test('agents of other filesystems are captured', async (given) => {
  const { lab, config } = given;
  const argv = ['snapshot', '--json'];
  const { exitCode, json, stdout } = await lab.cowherd<SnapshotReport>(argv, { config });
  assert.is(exitCode, 3, stdout);
  assert.equal(
    json.snapshots.map(({ agent }) => agent),
    ['alpha'],
  );
  assert.equal(json.failures.map(({ agent, code }) => `${String(agent)} ${code}`).sort(), [
    'plain IO_ERROR',
    'whole IO_ERROR',
  ]);
  await expectUntouched(given);
});

test('what only reads works, there is nothing to recover, and doctor and status say what is wrong', async (given) => {
  const { lab, disk, config, then, other, pinned } = given;
  const ids = (await listed(lab, ['whole'], { config })).map(({ id }) => id);
  assert.equal(ids, [pinned, other, then]);
  for (const argv of [['agents'], ['recover'], ['rollback', 'whole', '--dry-run']]) {
    const { exitCode, stdout } = await lab.cowherd([...argv, '--json'], { config });
    assert.is(exitCode, 0, stdout);
  }
  for (const command of ['status', 'doctor']) {
    const result = await lab.cowherd<DoctorDocument>([command, '--json'], { config });
    assert.is(result.exitCode, 6);
    const { severity, message, mend } = found(result.json, 'READ_ONLY');
    assert.is(severity, 'error');
    assert.match(message, disk.fsUuid);
    assert.match(mend ?? '', 'remount,rw');
  }
  await expectUntouched(given);
});

test('looking at it does not make it writable, also where our own mount has to be made for that', async (given) => {
  const { lab, disk, config, then, other, pinned } = given;
  await must(['umount', privateMountOf(disk)]);
  const ids = (await listed(lab, ['whole'], { config })).map(({ id }) => id);
  assert.equal(ids, [pinned, other, then]);
  assert.ok(mountOf(disk.mnt).superOptions.includes('ro'));
  expectReadOnly(await lab.cowherd<Refusal>(['pin', other, '--json'], { config }));
});

test('as soon as it is writable again everything works', async (given) => {
  const { lab, disk, config, then, other, pinned } = given;
  const options = { config };
  await must(['mount', '-o', 'remount,bind,ro', privateMountOf(disk)]);
  await makeWritable(disk);
  await takeOne(lab, 'whole', [], options);
  const own = mountOf(privateMountOf(disk)).options;
  for (const option of ['rw', 'nosuid', 'nodev', 'noexec', 'noatime', 'nosymfollow'])
    assert.ok(own.includes(option), own.join());
  for (const argv of [
    ['pin', other],
    ['unpin', pinned],
    ['prune', '--yes', '--id', pinned],
  ])
    assert.is((await lab.cowherd(argv, options)).exitCode, 0, argv.join(' '));
  await rolledBack(lab, 'whole', ['--snapshot', then, '--include-users'], options);
  assert.is(readFileSync(join(disk.mnt, 'whole/note'), 'utf8'), 'then');
  await convert(lab, 'adopt', ['plain', '--include-users'], options);
  await convert(lab, 'unadopt', ['whole', '--include-users'], options);
  assert.equal(
    AGENTS.map((one) => isIsolated(disk, join(disk.mnt, one))),
    [false, true],
  );
  assert.equal(leftovers(disk), []);
  for (const one of AGENTS) assert.is(await stateOf(lab, one), 'running');
});

/** By now `plain` is adopted, `whole` is not. */
const CUT_SHORT = { adopt: 'whole', unadopt: 'plain', rollback: 'whole' } as const;

const BEFORE_INSTALL = { adopt: 8, unadopt: 8, rollback: 15 } as const;

for (const [command, agent] of Object.entries(CUT_SHORT) as ['adopt', 'whole'][])
  test(`what was cut short of ${command} waits, and is recovered when it is writable again`, async (given) => {
    const { lab, disk, config, then } = given;
    const place = join(disk.mnt, agent);
    const before = isIsolated(disk, place);
    writeFileSync(join(place, 'note'), 'now');
    const request = { command, agent, snapshot: then, when: 'before', delayMs: 0 } as const;
    const at = BEFORE_INSTALL[command];
    const killed = await runKilled({ ...lab, config }, { ...request, at });
    assert.ok(killed.killed && killed.last.endsWith(' install'), killed.last);
    await makeReadOnly(disk);
    for (let round = 0; round < 2; round += 1)
      expectReadOnly(await lab.cowherd<Refusal>(['recover', '--json'], { config }));
    const { json } = await lab.cowherd<DoctorDocument>(['doctor', '--json'], { config });
    for (const code of ['READ_ONLY', 'TRANSACTION_CUT_SHORT'] as const)
      assert.is(found(json, code).severity, 'error');
    await makeWritable(disk);
    const { exitCode, stdout } = await lab.cowherd(['recover', '--json'], { config });
    assert.is(exitCode, 0, stdout);
    assert.is(readFileSync(join(place, 'note'), 'utf8'), 'now');
    assert.is(isIsolated(disk, place), before);
    assert.is(await stateOf(lab, agent), 'running');
    assert.equal(leftovers(disk), []);
  });

test.run();
