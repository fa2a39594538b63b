import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { Finding } from '../../src/usecases/finding.ts';
import { makeCapturable } from '../support/cycle/commands.ts';
import { sleeper } from '../support/cycle/containers.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { expectNoHalves, leftovers } from '../support/store.ts';

requireLab();

const ROUNDS = EMULATED ? 1 : 2;
const WORKERS = 2;

interface Given {
  lab: Lab;
  /** Ends the coming and going; gives how often there was a new volume. */
  settle: () => Promise<number>;
}

interface Said {
  readonly failures?: readonly Failure[];
  readonly findings?: readonly Finding[];
  readonly error?: { readonly code: string };
}

const test = suite<Given>('volumes and containers come and go');

test.before(async (given) => {
  given.lab = await startLab({ size: '2G', agents: ['alpha'] });
  await makeCapturable(given.lab, ['alpha']);
});
test.before.each((given) => {
  given.settle = comeAndGo(given.lab);
});
test.after.each(async ({ settle }) => {
  assert.ok((await settle()) > 0);
});
test.after(async ({ lab }) => lab?.stop());

/** Creates and removes volumes, with a container on them and without, as fast as Docker does. */
function comeAndGo(lab: Lab): () => Promise<number> {
  const over = new AbortController();
  let made = 0;
  const work = async (worker: number) => {
    for (let round = 0; !over.signal.aborted; round += 1) {
      const name = `going-${String(worker)}-${String(round)}`;
      await lab.docker(['volume', 'create', name]);
      made += 1;
      if (worker > 0) {
        await sleeper(lab, name, ['--volume', `${name}:/data`]);
        await lab.docker(['rm', '-f', name]);
      }
      await lab.docker(['volume', 'rm', name]);
    }
  };
  const workers = Array.from({ length: WORKERS }, async (_, worker) => work(worker));
  return async () => {
    over.abort();
    await Promise.all(workers);
    return made;
  };
}

/** Nothing is said that were a defect of ours, and nothing bad of who stays. */
function assertFine({ failures = [], error }: Said, said: string): void {
  assert.is(error, undefined, said);
  for (const { agent, code } of failures) {
    assert.is.not(code, 'INTERNAL', said);
    assert.match(agent ?? 'nobody', /^going-/, said);
  }
}

for (const command of ['agents', 'snapshots', 'doctor', 'status'] as const)
  test(`${command} shows who stays, whoever else comes and goes`, async ({ lab }) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { json, stdout, exitCode } = await lab.cowherd<Said>([command, '--json']);
      assertFine(json, stdout);
      const isFinding = command === 'doctor' || command === 'status';
      assert.ok(exitCode === 0 || (isFinding ? exitCode === 6 : exitCode === 3), stdout);
      const errors = (json.findings ?? []).filter(({ severity }) => severity === 'error');
      for (const { agent } of errors) assert.match(agent ?? 'nobody', /^going-/, stdout);
    }
  });

test('snapshot captures who stays; of the others each is captured or failed by itself', async ({
  lab,
}) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { json, stdout, exitCode } = await lab.cowherd<SnapshotReport>(['snapshot', '--json']);
    assertFine(json, stdout);
    assert.ok([0, 3].includes(exitCode), stdout);
    assert.ok(
      json.snapshots.some(({ agent }) => agent === 'alpha'),
      stdout,
    );
    const alone = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
    assert.is(alone.exitCode, 0, alone.stdout);
    assert.is.not(alone.json.snapshots[0]?.grade, 'crash');
    expectNoHalves(lab);
  }
  assert.equal(leftovers(lab), []);
});

test('rollback of who stays', async ({ lab }) => {
  const argv = ['rollback', 'alpha', '--yes', '--json', '--health-timeout', '1s'];
  for (let round = 0; round < 2; round += 1) {
    const { exitCode, stdout } = await lab.cowherd(argv);
    assert.is(exitCode, 0, stdout);
  }
  assert.equal(leftovers(lab), []);
});

test.run();
