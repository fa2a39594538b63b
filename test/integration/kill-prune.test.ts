import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { StoredSnapshot } from '../../src/model/manifest.ts';
import { pruneIds } from '../../src/usecases/prune.ts';
import { rollback } from '../../src/usecases/rollback.ts';
import { snapshot } from '../../src/usecases/snapshot.ts';
import { labContext } from '../support/context.ts';
import { inLocation, text } from '../support/cycle/images.ts';
import { runKilled } from '../support/kill/killed.ts';
import { pick, seededRandom, SOAK } from '../support/kill/random.ts';
import { assertRecovered, mark, recoverBy, type Subject } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';

requireLab();

const KILLS = SOAK ? 200 : EMULATED ? 4 : 20;
/** Every so often what is destroyed is the way back of a rollback, with the data it retired. */
const SAFETY_EVERY = 4;
const WINDOW_MS = EMULATED ? 3_000 : 60;

interface Given {
  subject: Subject;
  /** The word in the volumes of each restore point that must be there. */
  words: Map<string, string>;
}

const test = suite<Given>('kill -9 of prune');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha' });
  given.subject = { lab, agent, random: seededRandom('kill -9 of prune') };
  given.words = new Map();
  assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
});

test.after(async ({ subject }) => subject?.lab.stop());

/** Takes a snapshot of volumes that hold this word; gives its id. */
async function take({ subject, words }: Given, word: string, pin = false): Promise<string> {
  mark(subject, word);
  const request = { agents: ['alpha'], tags: {}, pin };
  const { snapshots, failures } = await snapshot(await labContext(subject.lab), request);
  assert.equal(failures, []);
  const id = snapshots[0]?.id ?? '';
  words.set(id, word);
  return id;
}

/** Rolls back to a restore point; gives the safety snapshot of what was. */
async function rollBack({ subject, words }: Given, id: string, was: string): Promise<string> {
  const report = await rollback(await labContext(subject.lab), {
    ...{ agent: 'alpha', snapshot: id, includeUsers: false, start: true, revert: true },
    healthTimeoutMs: 1_000,
  });
  assert.is(report.outcome, 'rolled-back', JSON.stringify(report));
  const safety = report.safety ?? '';
  words.set(safety, was);
  return safety;
}

async function listed({ subject: { lab } }: Given): Promise<readonly StoredSnapshot[]> {
  const store = await (await labContext(lab)).openStore(lab.fsUuid);
  assert.equal(await store.damaged(), []);
  return store.list();
}

/** What is listed opens and is what it was; what nobody named is listed. */
async function assertListed(given: Given, named: readonly string[]): Promise<readonly string[]> {
  const points = await listed(given);
  for (const { manifest, locations } of points) {
    const words = await Promise.all(
      manifest.volumes.map(async ({ image }) =>
        inLocation(given.subject.lab, locations[image] ?? '', (root) => text(root, 'state')),
      ),
    );
    // A recovery by `snapshot` takes one of its own.
    const word = given.words.get(manifest.id) ?? words[0];
    assert.equal(words, [word, word, word], manifest.id);
  }
  const ids = points.map(({ manifest }) => manifest.id);
  const missing = [...given.words.keys()].filter((id) => !ids.includes(id));
  assert.equal(
    missing.filter((id) => !named.includes(id)),
    [],
  );
  return ids;
}

/** What to destroy: two snapshots, at times with a safety snapshot between them; one beside them stays. */
async function doomed(given: Given, round: number): Promise<readonly string[]> {
  const word = (what: string) => `${String(round)} ${what}`;
  const first = await take(given, word('first'));
  await take(given, word('kept'), round % 2 === 0);
  const second = await take(given, word('second'));
  if (round % SAFETY_EVERY !== 0) return [first, second];
  return [first, await rollBack(given, first, word('second')), second];
}

test(`${String(KILLS)} kills: what is listed is whole, what was not named is there`, async (given) => {
  const { subject } = given;
  const { lab, random } = subject;
  const kills = { before: 0, within: 0, ended: 0 };
  for (let round = 0; round < KILLS; round += 1) {
    const ids = await doomed(given, round);
    const when = pick(random, ['before', 'during', 'during'] as const);
    const at = 1 + Math.floor(random() * ids.length);
    const delayMs = Math.floor(random() * WINDOW_MS);
    const request = { agent: 'alpha', snapshot: ids.join(','), at, when, delayMs } as const;
    const { killed, last } = await runKilled(lab, { ...request, command: 'prune' });
    kills[killed ? (when === 'before' ? 'before' : 'within') : 'ended'] += 1;
    try {
      const left = await assertListed(given, ids);
      if (round % 3 === 0)
        await runKilled(lab, { ...request, command: 'recover', at: 1, when: 'during' });
      await recoverBy(subject, round);
      await assertRecovered(subject);
      const again = ids.filter((id) => left.includes(id));
      if (!killed) assert.equal(again, []);
      const context = await labContext(lab);
      const rest = await pruneIds(context, { ids: again, dryRun: false, force: true });
      assert.equal(rest.failures, []);
      assert.equal(rest.destroy.map(({ id }) => id).sort(), [...again].sort());
      for (const id of ids) given.words.delete(id);
    } catch (error) {
      const where = `round ${String(round)}, killed ${when} ${last} (${String(delayMs)} ms)`;
      throw new Error(`${where}: ${String(error)}`, { cause: error });
    }
  }
  console.log(`kills: ${JSON.stringify(kills)}`);
  assert.ok(kills.before + kills.within > 0);
  await assertListed(given, []);
});

test.run();
