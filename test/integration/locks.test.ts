import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import { codes, listed, take, type ErrorDocument } from '../support/cycle/commands.ts';
import { expectConsistent, inRole } from '../support/cycle/images.ts';
import { stateOf } from '../support/cycle/containers.ts';
import { takeLocks } from '../../src/state/locks.ts';
import { freezeRecords } from '../support/kill/frozen.ts';
import type { Agent } from '../support/lab/agent.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { sleep, until } from '../support/lab/run.ts';
import { expectNoHalves, storeEntries } from '../support/store.ts';

requireLab();

let lab: Lab;
let alpha: Agent;
let slow: string;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha' });
  await lab.startAgent({ name: 'beta' });
  await lab.cowherd(['adopt', 'alpha', 'beta', '--yes']);
  const wait = 'touch "$0/begun"; while [ ! -e "$0/go" ]; do sleep 0.05; done';
  const hooks = [{ container: false, pre: ['sh', '-c', wait, lab.root], timeout: '2m' }];
  slow = lab.writeConfig('slow', { policies: [{ agents: ['alpha'], quiesce: { hooks } }] });
});

test.after(async () => {
  await lab.stop();
});

/** Runs `work` while a snapshot of alpha holds its locks, until `work` is done or for so long; gives both results. */
async function during<T>(
  work: () => Promise<T>,
  holdMs = Number.POSITIVE_INFINITY,
): Promise<{ first: SnapshotReport; second: T }> {
  for (const name of ['begun', 'go']) rmSync(join(lab.root, name), { force: true });
  const first = take(lab, ['alpha'], { config: slow });
  await until('the first run has its locks', () => existsSync(join(lab.root, 'begun')));
  const second = work();
  await Promise.race([second, ...(Number.isFinite(holdMs) ? [sleep(holdMs)] : [])]);
  writeFileSync(join(lab.root, 'go'), '');
  return { first: await first, second: await second };
}

test('two runs on one agent: the second is told at once that it is locked', async () => {
  const { first, second } = await during(() =>
    lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']),
  );
  assert.is(first.snapshots.length, 1);
  assert.equal([second.exitCode, codes(second.json)], [4, ['LOCKED']]);
});

test('with --wait it waits, and works', async () => {
  const { second } = await during(
    () => lab.cowherd<SnapshotReport>(['--wait', '60s', 'snapshot', 'alpha', '--json']),
    2500,
  );
  assert.is(second.exitCode, 0);
  assert.is(second.json.snapshots.length, 1);
});

test('a --wait that is too short: locked', async () => {
  const { second } = await during(() =>
    lab.cowherd<SnapshotReport>(['--wait', '300ms', 'snapshot', 'alpha', '--json']),
  );
  assert.equal([second.exitCode, codes(second.json)], [4, ['LOCKED']]);
});

test('two agents: both work', async () => {
  const { first, second } = await during(() => take(lab, ['beta']));
  assert.equal([first.snapshots.length, second.snapshots.length], [1, 1]);
});

test('what comes after the bracket of one agent keeps no other from its own', async () => {
  const [thawed, go] = [join(lab.root, 'thawed'), join(lab.root, 'go-on')];
  const post = ['sh', '-c', 'touch "$0"; while [ ! -e "$1" ]; do sleep 0.05; done', thawed, go];
  const pre = ['true'];
  const hooks = [{ container: false, pre, post, timeout: '2m' }];
  const config = lab.writeConfig('late', { policies: [{ agents: ['alpha'], quiesce: { hooks } }] });
  const before = (await listed(lab, ['beta'])).length;
  const all = take(lab, [], { config });
  try {
    await until('alpha is thawed', () => existsSync(thawed));
    const beta = async () => (await listed(lab, ['beta'])).length;
    await until('beta is captured by the same run', async () => (await beta()) === before + 1);
    const argv = ['--wait', '30s', 'snapshot', 'beta', '--json'];
    assert.is((await lab.cowherd(argv)).exitCode, 0);
  } finally {
    writeFileSync(go, '');
  }
  assert.is((await all).snapshots.length, 2);
});

test('a container that is started while a bracket waits for its turn is frozen with the others', async () => {
  const key = `bracket:${lab.fsUuid}`;
  const options = { runtimeDir: '/run/cowherd', waitMs: 0, ticks: () => performance.now() };
  const turn = await takeLocks([{ key, label: key }], options);
  try {
    const child = lab.spawnCowherd(['snapshot', 'alpha', '--json']);
    const output = text(child.stdout as Readable);
    await until('it waits', () => freezeRecords().some(({ pid }) => pid === child.pid));
    const volume = `${alpha.volumes.workspace}:/data`;
    const work = ['sh', '-c', 'while :; do date > /data/late; done'];
    await lab.docker([
      ...['run', '-d', '--name', 'late', '--network', 'none', '-v', volume, AGENT_IMAGE, ...work],
    ]);
    await sleep(300);
    turn.release();
    const report = JSON.parse(await output) as SnapshotReport;
    assert.equal(report.failures, []);
    for (const point of report.snapshots) await expectConsistent(lab, point);
    assert.is(report.snapshots.length, 1);
  } finally {
    turn.release();
    await lab.tryDocker(['rm', '-f', 'late']);
  }
});

test('one locked and the other not: the other is done, exit 3', async () => {
  const { second } = await during(() => lab.cowherd<SnapshotReport>(['snapshot', '--json']));
  assert.is(second.exitCode, 3);
  assert.equal(codes(second.json), ['LOCKED']);
  assert.equal(
    second.json.snapshots.map(({ agent }) => agent),
    ['beta'],
  );
});

test('rollback, adopt and prune do not come in between', async () => {
  const [newest] = await listed(lab, ['alpha']);
  const { second } = await during(async () => ({
    rollback: await lab.cowherd<ErrorDocument>(['rollback', 'alpha', '--yes', '--json']),
    unadopt: await lab.cowherd<ConversionReport>(['unadopt', 'alpha', '--yes', '--json']),
    prune: await lab.cowherd<ConversionReport>([
      ...['prune', '--id', newest?.id ?? '', '--force', '--yes', '--json'],
    ]),
  }));
  const { rollback, unadopt, prune } = second;
  assert.equal([rollback.exitCode, rollback.json.error.code], [4, 'LOCKED']);
  assert.equal([unadopt.exitCode, codes(unadopt.json)], [4, ['LOCKED']]);
  assert.equal([prune.exitCode, codes(prune.json)], [4, ['LOCKED']]);
  assert.is(await stateOf(lab, alpha.container), 'running');
});

test('reading needs no lock', async () => {
  const { second } = await during(async () => [
    (await lab.cowherd(['snapshots'])).exitCode,
    (await lab.cowherd(['agents'])).exitCode,
    (await lab.cowherd(['snapshot', 'alpha', '--dry-run'])).exitCode,
    (await lab.cowherd(['rollback', 'alpha', '--dry-run'])).exitCode,
  ]);
  assert.equal(second, [0, 0, 0, 0]);
});

test('a snapshot that waited for an adoption sees where the data lies now', async () => {
  const stubborn = ['sh', '-c', 'trap "" TERM; echo data >/home/developer/file; sleep 1000'];
  const args = ['--stop-timeout', '3'];
  const gamma = await lab.startAgent({ name: 'gamma', command: stubborn, args, wait: false });
  const file = join(gamma.path('workspace'), 'file');
  await until('it wrote', () => existsSync(file));
  for (const kind of capturesPlain() ? ['adopt', 'unadopt'] : ['adopt']) {
    const converting = lab.cowherd([kind, 'gamma', '--yes', '--json']);
    await until('it is under way', () => records() > 0, { everyMs: 2 });
    const waited = await lab.cowherd<SnapshotReport>([
      ...['--wait', '60s', 'snapshot', 'gamma', '--json'],
    ]);
    assert.is((await converting).exitCode, 0);
    assert.is(waited.exitCode, 0, waited.stdout);
    const [point] = waited.json.snapshots;
    assert.ok(point);
    await inRole(lab, point, 'workspace', (image) => {
      assert.ok(existsSync(join(image, 'file')), kind);
    });
  }
});

const records = () => storeEntries(lab).transactions.length;

test('a crowd of runs on one agent: each is done or locked, nothing is left', async () => {
  const runs = Array.from({ length: 4 }, () =>
    lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']),
  );
  const results = await Promise.all(runs);
  assert.ok(results.some(({ exitCode }) => exitCode === 0));
  for (const { exitCode, json } of results) {
    assert.ok(exitCode === 0 || exitCode === 4);
    for (const point of json.snapshots) await expectConsistent(lab, point);
  }
  expectNoHalves(lab);
});

test.run();
