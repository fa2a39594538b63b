import { chownSync, existsSync, linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { SnapshotDocument, SnapshotReport } from '../../src/model/snapshot.ts';
import { codes, rolledBack, take, takeOne } from '../support/cycle/commands.ts';
import { startedAt } from '../support/cycle/containers.ts';
import { expectConsistent, inRole, readDatabase } from '../support/cycle/images.ts';
import { requireTracing } from '../support/hostile/available.ts';
import { startCanary } from '../support/hostile/canary.ts';
import { startRacer } from '../support/hostile/racer.ts';
import { raceInside } from '../support/hostile/scene.ts';
import type { Agent } from '../support/lab/agent.ts';
import { SOAK } from '../support/kill/random.ts';
import { requireLab } from '../support/lab/available.ts';
import { AGENT_UID } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must, sleep, until } from '../support/lab/run.ts';
import { checked, commits, pairsIn, startFastWriter } from '../support/plain/fast-writer.ts';
import { expectNoHalves, leftovers } from '../support/store.ts';
import { suite } from '../support/suite.ts';

requireLab();
await requireTracing();
interface Given {
  lab: Lab;
  alpha: Agent;
  /** Configs: nobody is to be frozen; freezing would take too long, and then so. */
  unfrozen: string;
  late: Record<'live' | 'fail', string>;
}

const ROUNDS = SOAK ? 4 : 1;
const WRITERS = [
  { name: 'fast.db', mode: 'WAL' },
  { name: 'journal.db', mode: 'DELETE' },
] as const;

for (const fs of ['ext4', 'xfs'] as const) {
  const test = suite<Given>(`live captures on ${fs}`);

  test.before(async (given) => {
    given.lab = await startLab({ fs, size: '8G' });
    const { lab } = given;
    given.alpha = await lab.startAgent({ name: 'alpha', env: { LAB_BURST: '5' } });
    given.unfrozen = lab.writeConfig('unfrozen', { quiesce: { freeze: 'none' } });
    const late = (onFreezeTimeout: string) =>
      lab.writeConfig(onFreezeTimeout, { quiesce: { maxFreeze: '1ms', onFreezeTimeout } });
    given.late = { live: late('live'), fail: late('fail') };
    for (const writer of WRITERS) await startFastWriter(lab, given.alpha, writer);
  });
  test.after(async ({ lab }) => lab?.stop());

  test('thousands of transactions a second: every database is whole and holds all that was committed before', async ({
    lab,
    alpha,
    unfrozen,
  }) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await counts(alpha);
      const begun = performance.now();
      const point = await takeOne(lab, 'alpha', [], { config: unfrozen });
      const seconds = (performance.now() - begun) / 1_000;
      const after = await counts(alpha);
      const rates = after.map((count, index) => Math.round((count - before[index]!) / seconds));
      console.log(`${fs}: ${rates.join(' and ')} transactions/s for ${seconds.toFixed(1)} s`);
      assert.ok(rates[0]! > 200, 'the writer is too slow to show anything');
      assert.equal([point.grade, point.frozenMs, point.atRest], ['live', 0, false]);
      assert.equal(wholeIn(point), ['data/agent.db', 'data/fast.db', 'data/journal.db']);
      await expectHeld(lab, point, before);
    }
    expectNoHalves(lab);
  });
  test('put back, the databases open where they were', async ({ lab, alpha, unfrozen }) => {
    const before = await counts(alpha);
    const point = await takeOne(lab, 'alpha', [], { config: unfrozen });
    await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
    for (const [index, { name }] of WRITERS.entries()) {
      const pairs = await pairsIn(join(alpha.path('workspace'), 'data', name));
      assert.equal([pairs.check, pairs.left], ['ok', pairs.right]);
      assert.ok(pairs.right >= before[index]!);
    }
    const rows = await alpha.rows();
    await until('the agent goes on', async () => (await alpha.rows()) > rows);
    assert.equal(leftovers(lab), []);
    for (const writer of WRITERS) await startFastWriter(lab, alpha, writer);
  });

  test('a freeze after it finds the copy as it should be', async ({ lab, alpha }) => {
    const before = await alpha.rows();
    const point = await takeOne(lab, 'alpha');
    assert.ok(point.frozenMs > 0 && point.liveDatabases === undefined, point.grade);
    assert.ok((await expectConsistent(lab, point)) >= before);
    await inRole(lab, point, 'workspace', async (image) => {
      for (const { name } of WRITERS) {
        const { check, left, right } = await pairsIn(join(image, 'data', name));
        assert.equal([check, left], ['ok', right]);
      }
    });
  });

  if (fs === 'ext4')
    test('a freeze that would take too long: what the policy says, and nobody is frozen', async ({
      lab,
      alpha,
      late,
    }) => {
      const begun = await startedAt(lab, alpha.container);
      const failed = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json'], {
        config: late.fail,
      });
      assert.equal([failed.exitCode, codes(failed.json)], [1, ['FREEZE_TIMEOUT']]);
      const before = await counts(alpha);
      const point = await takeOne(lab, 'alpha', [], { config: late.live });
      assert.equal([point.grade, point.frozenMs], ['live', 0]);
      await expectHeld(lab, point, before);
      assert.is(await startedAt(lab, alpha.container), begun);
    });

  test("what cannot be copied by a transaction is told, root's or with several names; whole is what nobody writes to", async ({
    lab,
    alpha,
    unfrozen,
  }) => {
    const at = (name: string) => join(alpha.path('workspace'), 'data', name);
    for (const name of ['root.db', 'idle.db', 'locked.db', 'links.db']) {
      await must(['sqlite3', at(name), 'CREATE TABLE t(x); INSERT INTO t VALUES(1)']);
      const owner = ['root.db', 'idle.db'].includes(name) ? 0 : AGENT_UID;
      chownSync(at(name), owner, AGENT_UID);
    }
    linkSync(at('links.db'), at('other name'));
    const inside = async (script: string, user = '') =>
      lab.docker(['exec', '-d', '-u', user, alpha.container, 'sh', '-c', `cd; ${script}`]);
    await inside('(echo "BEGIN EXCLUSIVE;"; sleep 600) | sqlite3 -batch data/locked.db');
    await inside(
      'cd /home/developer; while :; do echo "INSERT INTO t VALUES(1);"; done | sqlite3 data/root.db',
      '0',
    );
    const isLocked = async () =>
      must(['sqlite3', '-batch', at('locked.db'), 'SELECT * FROM t']).then(
        () => false,
        () => true,
      );
    await until('it is locked', isLocked);
    await sleep(1_500);
    const { snapshots, skipped } = await take(lab, ['alpha'], { config: unfrozen });
    const { liveDatabases = [] } = snapshots[0]!;
    assert.equal(
      liveDatabases
        .filter(({ cause }) => cause !== undefined)
        .map(({ path, cause, whole }) => [path, cause, whole])
        .sort(),
      [
        ['data/idle.db', 'owner', true],
        ['data/links.db', 'flaw', false],
        ['data/locked.db', 'failed', true],
        ['data/other name', 'flaw', false],
        ['data/root.db', 'owner', false],
      ],
    );
    const [said] = skipped.filter(({ volume }) => volume === alpha.volumes.workspace);
    assert.is(said?.partial, true);
    assert.match(said?.message ?? '', /may be torn: .*root\.db \(owned by root\)/);
    await inRole(lab, snapshots[0]!, 'workspace', async (image) => {
      for (const name of ['idle.db', 'locked.db'])
        assert.is(await checked(join(image, 'data', name)), 'ok');
      for (const name of ['root.db', 'links.db'])
        assert.ok(existsSync(join(image, 'data', name)), `${name} is there, as a file`);
    });
    await lab.docker(['exec', alpha.container, 'sh', '-c', 'cd; rm data/locked.db data/links.db']);
  });

  // On ext4 tar still fails such a capture now and then, which loses nothing: only a soak insists.
  if (SOAK || fs === 'xfs')
    test('names that turn into links to the outside, pipes and back: nothing outside is opened or written', async ({
      lab,
      alpha,
      unfrozen,
    }) => {
      const canary = await startCanary(lab.root);
      const root = alpha.path('workspace');
      await must(['sqlite3', join(root, 'small.db'), 'PRAGMA journal_mode=WAL; CREATE TABLE t(x)']);
      chownSync(join(root, 'small.db'), AGENT_UID, AGENT_UID);
      const racer = await startRacer(root, canary.directory);
      try {
        await raceInside({ lab, mallory: alpha, canary });
        const turn = `cd; mkdir -p swap; cp small.db swap/turn.db; mkfifo swap/pipe; cd swap
        while :; do mv turn.db t; mv pipe turn.db; mv t pipe; mv turn.db t; mv pipe turn.db; mv t pipe; done`;
        await lab.docker(['exec', '-d', alpha.container, 'sh', '-c', turn]);
        for (let round = 0; round < ROUNDS; round += 1) {
          const before = await counts(alpha);
          const { snapshots } = await take(lab, ['alpha'], { config: unfrozen });
          await expectHeld(lab, snapshots[0]!, before);
        }
        assert.equal(await canary.opened(), []);
        console.log(`${String(await racer.stop())} exchanges`);
        assert.is(await canary.unwatch(), canary.description);
      } finally {
        await racer.stop();
        await canary.remove();
        await lab.docker(['restart', '-t', '1', alpha.container]);
      }
      assert.equal(leftovers(lab), []);
    });

  test('SQLite is disabled: its databases are copied as files, and that is said', async ({
    lab,
    alpha,
  }) => {
    writeFileSync(join(alpha.path('public'), 'plain'), 'x');
    const quiesce = { freeze: 'none', sqlite: { enabled: false } };
    const config = lab.writeConfig('disabled', { quiesce });
    const { snapshots, skipped } = await take(lab, ['alpha'], { config });
    const { grade, liveDatabases = [] } = snapshots[0]!;
    assert.is(grade, 'live');
    assert.ok(liveDatabases.length > 0);
    assert.ok(liveDatabases.every(({ whole, cause }) => !whole && cause === 'left'));
    assert.equal(
      skipped.map(({ volume }) => volume),
      [alpha.volumes.workspace],
    );
  });

  test.run();
}

async function counts(alpha: Agent): Promise<readonly number[]> {
  const data = join(alpha.path('workspace'), 'data');
  return Promise.all(WRITERS.map(async ({ name }) => commits(join(data, name))));
}

function wholeIn({ liveDatabases = [] }: SnapshotDocument): readonly string[] {
  const whole = liveDatabases.filter((database) => database.whole);
  return whole.map(({ path }) => path).sort();
}

/** Everything that was committed before, in databases that are whole. */
async function expectHeld(
  lab: Lab,
  point: SnapshotDocument,
  before: readonly number[],
): Promise<void> {
  await inRole(lab, point, 'workspace', async (image) => {
    assert.is((await readDatabase(image)).check, 'ok');
    for (const [index, { name }] of WRITERS.entries()) {
      const { check, left, right } = await pairsIn(join(image, 'data', name));
      assert.equal([check, left], ['ok', right], name);
      assert.ok(right >= before[index]!, `${name}: ${String(right)} of ${String(before[index])}`);
    }
  });
}
