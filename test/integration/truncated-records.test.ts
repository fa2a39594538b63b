import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import type { SnapshotsDocument } from '../../src/usecases/snapshots.ts';
import type { RecoverReport } from '../../src/usecases/recover.ts';
import { listed, makeCapturable, refusal, takeOne } from '../support/cycle/commands.ts';
import { runKilled } from '../support/kill/killed.ts';
import { seededRandom } from '../support/kill/random.ts';
import { assertRecovered, mark, markOf, NEVER, type Subject } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab } from '../support/lab/lab.ts';
import { storeEntries, storeOf } from '../support/store.ts';

requireLab();

const LENGTHS = 3;

interface Given {
  alpha: Subject;
  beta: Subject;
  then: Record<'alpha' | 'beta', string>;
}

const test = suite<Given>('records that were cut short');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const random = seededRandom('records that were cut short');
  given.alpha = { lab, random, agent: await lab.startAgent({ name: 'alpha' }) };
  given.beta = { lab, random, agent: await lab.startAgent({ name: 'beta' }) };
  await makeCapturable(lab, ['alpha', 'beta']);
  for (const subject of [given.alpha, given.beta]) mark(subject, 'then');
  const [alpha, beta] = [await takeOne(lab, 'alpha'), await takeOne(lab, 'beta')];
  given.then = { alpha: alpha.id, beta: beta.id };
});

test.after(async ({ alpha }) => alpha?.lab.stop());

/** Kills the rollback of an agent when all its old data is away and none of the new is in place; gives the record's file. */
async function cutShort({ lab, agent }: Subject, snapshot: string): Promise<string> {
  const request = { command: 'rollback', agent: agent.name, snapshot } as const;
  const { steps } = await runKilled(lab, { ...request, ...NEVER });
  const at = 1 + steps.findIndex((line) => line.endsWith(' install'));
  const before = new Set(storeEntries(lab).transactions);
  assert.ok((await runKilled(lab, { ...request, at, when: 'before', delayMs: 0 })).killed);
  const [name = ''] = storeEntries(lab).transactions.filter((one) => !before.has(one));
  return join(storeOf(lab), 'transactions', name);
}

test('recover says which it cannot read, touches nothing of it, and recovers the others', async ({
  alpha,
  beta,
  then,
}) => {
  const { lab, random } = alpha;
  const file = await cutShort(alpha, then.alpha);
  const whole = readFileSync(file);
  const some = Array.from({ length: LENGTHS }, () => Math.floor(random() * (whole.length - 2)));
  for (const [round, length] of [0, 1, whole.length - 3, ...some].entries()) {
    const other = round === 1 ? await cutShort(beta, then.beta) : null;
    writeFileSync(file, whole.subarray(0, length));
    const kept = storeEntries(lab);
    const { exitCode, json } = await lab.cowherd<RecoverReport>(['recover', '--json']);
    const [failure, ...more] = json.failures as readonly [Failure, ...Failure[]];
    assert.equal(more, []);
    assert.is(failure.code, 'IO_ERROR', `at ${String(length)}`);
    assert.match(failure.message, basename(file));
    assert.match(failure.hint, 'by hand');
    assert.is(exitCode, other === null ? 1 : 3);
    assert.is(readFileSync(file).length, length);
    if (other === null) assert.equal(storeEntries(lab), kept);
    else
      assert.equal(
        json.results.map(({ agent }) => agent),
        ['beta'],
      );
  }
  assert.is((await takeOne(lab, 'beta')).agent, 'beta');
  assert.is(markOf(beta), 'then');
  const found = await lab.cowherd(['doctor', '--json']);
  assert.is(found.exitCode, 6);
  assert.match(found.stdout, '"DAMAGED_RECORD"');
  writeFileSync(file, whole);
  assert.is((await lab.cowherd(['recover'])).exitCode, 0);
  await assertRecovered(alpha);
  await assertRecovered(beta);
});

test('a damaged manifest: told, the others listed, and nobody rolls back to it', async ({
  alpha,
  then,
}) => {
  const { lab, random } = alpha;
  mark(alpha, 'now');
  const { id } = await takeOne(lab, 'alpha');
  const file = join(storeOf(lab), 'snapshots', id, 'manifest.json');
  const whole = readFileSync(file);
  const before = (await listed(lab)).map((point) => point.id);
  const images = readdirSync(join(storeOf(lab), 'snapshots', id)).sort();
  for (const length of [0, Math.floor(random() * whole.length), whole.length - 3]) {
    writeFileSync(file, whole.subarray(0, length));
    const { exitCode, json } = await lab.cowherd<SnapshotsDocument>(['snapshots', '--json']);
    assert.is(exitCode, 3);
    assert.equal(
      json.snapshots.map((point) => point.id),
      before.filter((one) => one !== id),
    );
    assert.equal(
      json.failures.map(({ agent, code }) => [agent, code]),
      [['alpha', 'IO_ERROR']],
    );
    assert.is((await lab.cowherd(['snapshots', 'beta', '--json'])).exitCode, 0);
    for (const argv of [
      ['rollback', 'alpha', '--yes', '--snapshot', id],
      ['pin', id],
      ['prune', '--yes', '--id', id],
    ])
      assert.is((await refusal(lab, argv)).code, 'IO_ERROR', argv.join(' '));
    const latest = await lab.cowherd(['rollback', 'alpha', '--dry-run', '--json']);
    assert.match(latest.stderr, id);
    assert.match(latest.stdout, then.alpha.slice(0, 6));
    assert.is((await lab.cowherd(['recover'])).exitCode, 0);
    assert.equal(readdirSync(join(storeOf(lab), 'snapshots', id)).sort(), images);
  }
  assert.is(markOf(alpha), 'now');
  writeFileSync(file, whole);
  assert.ok((await listed(lab)).some((point) => point.id === id));
});

test.run();
