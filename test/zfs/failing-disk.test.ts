import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import type { ErrorDocument } from '../support/cycle/commands.ts';
import { makeWeakPool, type WeakPool } from '../support/faults/weak-pool.ts';
import { SOAK } from '../support/kill/random.ts';
import { runCowherd, type CowherdResult } from '../support/lab/cowherd.ts';
import { must } from '../support/lab/run.ts';
import { suite } from '../support/suite.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { makeTestPool, type TestPool } from '../support/zfs/pool.ts';

requireZfs();

interface Given {
  /** Where `well` lies, and `fine`, a directory that is no dataset of its own. */
  pool: TestPool;
  /** Where `failing` lies, and `spoilt`, such a directory. */
  weak: WeakPool;
  config: string;
  /** The restore point of `failing`. */
  then: string;
}

const test = suite<Given>('zfs: a disk that fails');

test.before(async (given) => {
  given.pool = await makeTestPool();
  const { root, mnt } = given.pool.paths;
  given.weak = await makeWeakPool(root);
  await must(['zfs', 'create', `${given.weak.name}/failing`]);
  await must(['zfs', 'create', '-o', `mountpoint=${mnt}/well`, `${given.pool.dataRoot}/well`]);
  const places = {
    failing: join(given.weak.mnt, 'failing'),
    spoilt: join(given.weak.mnt, 'spoilt'),
    well: join(mnt, 'well'),
    fine: join(mnt, 'fine'),
  };
  const paths = Object.entries(places).map(([agent, path]) => ({ agent, path }));
  for (const { path } of paths) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'word'), 'then');
  }
  given.config = join(root, 'weak.yaml');
  const keys = { host: 'here', docker: 'none', state: join(root, 'state'), agents: { paths } };
  writeFileSync(given.config, JSON.stringify(keys), { mode: 0o600 });
  const { exitCode, json, stdout } = await cowherd<SnapshotReport>(given, 'snapshot', 'failing');
  assert.is(exitCode, 0, stdout);
  given.then = json.snapshots[0]?.id ?? '';
});

test.after(async ({ pool, weak }) => {
  await weak?.remove();
  await pool?.remove();
});

async function cowherd<T>({ config }: Given, ...args: string[]): Promise<CowherdResult<T>> {
  return runCowherd<T>(config, [...args, '--json']);
}

type Coded = Omit<ErrorDocument['error'], 'message'>;

/** They say that the disk is at fault, and where to look. */
function assertCoded(failures: readonly Coded[], said: string): void {
  assert.ok(failures.length > 0, said);
  for (const { code, hint } of failures) {
    assert.is(code, 'IO_ERROR', said);
    assert.match(hint, /zpool status/, said);
  }
}

function agentsOf(failures: readonly Failure[]): readonly (string | null)[] {
  return [...new Set(failures.map(({ agent }) => agent))];
}

test('data with a wrong checksum cannot be copied: coded, its agent alone, and it stays as it was', async (given) => {
  const { weak, pool } = given;
  const bytes = randomBytes(64);
  const data = join(weak.mnt, 'spoilt/data');
  writeFileSync(data, Buffer.concat(Array.from({ length: 4096 }, () => bytes)));
  await must(['sync', '-f', data]);
  assert.ok((await weak.spoil(bytes)) > 1);
  const argv = ['adopt', 'spoilt', 'fine', '--yes'];
  const { exitCode, json, stdout } = await cowherd<ConversionReport>(given, ...argv);
  assert.is(exitCode, 3, stdout);
  assertCoded(json.failures, stdout);
  assert.equal(agentsOf(json.failures), ['spoilt']);
  assert.equal(
    json.results.map(({ agent, outcome }) => [agent, outcome]),
    [['fine', 'adopted']],
  );
  assert.is(readFileSync(join(weak.mnt, 'spoilt/word'), 'utf8'), 'then');
  assert.is(readFileSync(join(pool.paths.mnt, 'fine/word'), 'utf8'), 'then');
  assert.equal((await cowherd<ConversionReport>(given, 'recover')).json.failures, []);
});

/** Only in a soak: should anything wait for the pool, it does so until the disk is back, and the runner with it. */
if (SOAK)
  test(
    'a disk that is gone: coded for its agent, the others are captured, and with it back all is as before',
    diskGone,
  );

async function diskGone(given: Given): Promise<void> {
  const { weak, then } = given;
  writeFileSync(join(weak.mnt, 'failing/word'), 'now');
  await must(['zpool', 'sync', weak.name]);
  await weak.fail();
  try {
    for (let round = 0; round < 2; round += 1) {
      const argv = ['snapshot', 'failing', 'well'];
      const { exitCode, json, stdout } = await cowherd<SnapshotReport>(given, ...argv);
      assert.is(exitCode, 3, stdout);
      assertCoded(json.failures, stdout);
      assert.equal(agentsOf(json.failures), ['failing']);
      assert.equal(
        json.snapshots.map(({ agent }) => agent),
        ['well'],
      );
    }
    const listing = await cowherd<SnapshotReport>(given, 'snapshots', 'failing', 'well');
    assert.is(listing.exitCode, 3, listing.stdout);
    assertCoded(listing.json.failures, listing.stdout);
    assert.ok(listing.json.snapshots.some(({ agent }) => agent === 'well'));
    const argv = ['rollback', 'failing', '--yes', '--snapshot', then];
    const { exitCode, json, stdout } = await cowherd<ErrorDocument>(given, ...argv);
    assert.is(exitCode, 1, stdout);
    assertCoded([json.error], stdout);
    const doctor = await cowherd<DoctorDocument>(given, 'doctor');
    assert.is(doctor.exitCode, 6);
    assert.match(doctor.stdout, `${weak.name} is suspended`);
  } finally {
    await weak.heal();
  }
  assert.equal((await cowherd<ConversionReport>(given, 'recover')).json.failures, []);
  assert.is(readFileSync(join(weak.mnt, 'failing/word'), 'utf8'), 'now');
  const back = await cowherd<unknown>(given, 'rollback', 'failing', '--yes', '--snapshot', then);
  assert.is(back.exitCode, 0, back.stdout);
  assert.is(readFileSync(join(weak.mnt, 'failing/word'), 'utf8'), 'then');
}

test.run();
