import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { ErrorCode } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { RollbackReport } from '../../src/usecases/rollback.ts';
import { deadRecords, freezerOf, thawedAfter, type Freezer } from '../support/kill/frozen.ts';
import { reaches } from '../support/kill/phase.ts';
import { seededRandom } from '../support/kill/random.ts';
import { assertRecovered, mark, markOf, type Subject } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';
import { sleep } from '../support/lab/run.ts';
import { leftovers } from '../support/store.ts';

requireLab();

const ROUNDS = EMULATED ? 4 : 8;
const WINDOW_MS = EMULATED ? 5_000 : 1_500;

const STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof STATUS;

interface Given {
  subject: Subject;
  freezer: Freezer;
  then: string;
}

const test = suite<Given>('Ctrl-C and SIGTERM');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha', env: { LAB_BURST: '5' } });
  const random = seededRandom('Ctrl-C and SIGTERM');
  given.subject = { lab, agent, random };
  assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
  given.freezer = await freezerOf(lab, agent.container);
  mark(given.subject, 'then');
  const { json } = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
  given.then = json.snapshots[0]?.id ?? '';
});

test.after(async ({ subject }) => subject?.lab.stop());

interface Ended<T> {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Null when it said nothing. */
  readonly json: (T & { readonly error?: { readonly code: ErrorCode } }) | null;
}

async function endOf<T>(child: ChildProcess): Promise<Ended<T>> {
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr?.resume();
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { exitCode, signal, json: said === '' ? null : JSON.parse(said) };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} at any moment of a snapshot thaws, says so and leaves nothing`, async (given) => {
    const { lab, agent, random } = given.subject;
    const statuses = new Set<number | null>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const child = lab.spawnCowherd(['snapshot', 'alpha', '--json']);
      const ending = endOf<SnapshotReport>(child);
      if (round % 2 === 0) await sleep(100 + random() * WINDOW_MS);
      else while (child.exitCode === null && !given.freezer.frozen()) await sleep(0);
      const sentAt = performance.now();
      child.kill(signal);
      assert.ok((await thawedAfter([given.freezer], sentAt)) < 1_000);
      const end = await ending;
      const status = end.signal === null ? end.exitCode : STATUS[end.signal as Signal];
      statuses.add(status);
      assert.ok(status === 0 || status === STATUS[signal], String(status));
      // A signal that comes when all is said ends the process by itself.
      const done = end.json?.snapshots?.length === 1;
      if (status === 0) assert.ok(done);
      else if (done) assert.is(end.signal, signal);
      else if (end.json?.failures) assert.is(end.json.failures[0]?.code, 'INTERRUPTED');
      assert.equal(leftovers(lab), []);
      assert.equal(deadRecords([agent.id]), []);
    }
    assert.ok(statuses.has(STATUS[signal]));
  });
}

for (const [phase, signal] of [
  ['preparing', 'SIGINT'],
  ['stopping', 'SIGTERM'],
  ['swapping', 'SIGTERM'],
  ['swapped', 'SIGINT'],
] as const) {
  test(`${signal} to a rollback that is ${phase}: back on the old data, running`, async (given) => {
    const { subject, then } = given;
    const { lab } = subject;
    mark(subject, 'now');
    const child = lab.spawnCowherd(['rollback', 'alpha', '--snapshot', then, '--yes', '--json']);
    const ending = endOf<RollbackReport>(child);
    const due = await reaches(lab, phase, () => child.exitCode !== null);
    child.kill(signal);
    const { exitCode, json } = await ending;
    assert.ok(due);
    assert.is(exitCode, STATUS[signal], JSON.stringify(json));
    assert.ok(json);
    assert.ok(json.failures.some(({ code }) => code === 'INTERRUPTED'));
    assert.is(json.agentState, 'running');
    assert.ok(json.outcome === 'failed' || json.outcome === 'reverted');
    assert.is(markOf(subject), 'now');
    await assertRecovered(subject);
  });
}

test('an interrupted adopt leaves the agent as it was', async ({ subject }) => {
  const { lab, random } = subject;
  assert.is((await lab.cowherd(['unadopt', 'alpha', '--yes'])).exitCode, 0);
  for (const phase of ['stopping', 'swapped'] as const) {
    const child = lab.spawnCowherd(['adopt', 'alpha', '--yes', '--json']);
    const ending = endOf(child);
    assert.ok(await reaches(lab, phase, () => child.exitCode !== null));
    await sleep(random() * 20);
    child.kill('SIGTERM');
    const { exitCode } = await ending;
    assert.ok(exitCode === 143 || (phase === 'swapped' && exitCode === 0), String(exitCode));
    await assertRecovered(subject);
  }
});

test.run();
