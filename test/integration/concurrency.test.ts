import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Failure } from '../../src/model/errors.ts';
import { labContext } from '../support/context.ts';
import { deadRecords, freezerOf } from '../support/kill/frozen.ts';
import { pick, seededRandom, SOAK, type Random } from '../support/kill/random.ts';
import { assertRecovered, mark, markOf, type Subject } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab } from '../support/lab/lab.ts';
import type { RunResult } from '../support/lab/run.ts';
import { leftovers } from '../support/store.ts';

requireLab();

const WORKERS = 4;
const LAST_MS = SOAK ? 120_000 : EMULATED ? 60_000 : 20_000;
/** Done, done for some, another run holds the lock. */
const FINE = [0, 3, 4];
/** What another run may do to one: destroy what it had chosen, stop or start what it captures. */
const BY_OTHERS = ['CAPTURE_INVALIDATED', 'SNAPSHOT_UNKNOWN', 'LOCKED', 'REVERTED'];

interface Given {
  subjects: readonly Subject[];
  random: Random;
}

const test = suite<Given>('many at once');

test.before(async (given) => {
  const lab = await startLab({ size: '4G' });
  const random = seededRandom('many at once');
  given.random = random;
  const alpha = await lab.startAgent({ name: 'alpha' });
  const beta = await lab.startAgent({ name: 'beta', sharedFrom: ['alpha'] });
  given.subjects = [alpha, beta].map((agent) => ({ lab, agent, random }));
  const adopting = await lab.cowherd(['adopt', 'alpha', 'beta', '--include-users', '--yes']);
  assert.is(adopting.exitCode, 0, adopting.stderr);
  for (const subject of given.subjects) mark(subject, subject.agent.name);
  assert.is((await lab.cowherd(['snapshot'])).exitCode, 0);
});

test.after(async ({ subjects }) => subjects?.[0]?.lab.stop());

async function ids({ subjects }: Given): Promise<readonly string[]> {
  const [{ lab }] = subjects as [Subject];
  const store = await (await labContext(lab)).openStore(lab.fsUuid);
  return (await store.list()).map(({ manifest }) => manifest.id);
}

async function oneCommand(given: Given): Promise<readonly string[]> {
  const { random } = given;
  const agent = pick(random, ['alpha', 'beta']);
  const wait = random() < 0.5 ? ['--wait', '20s'] : [];
  const quick = ['--include-users', '--yes', '--health-timeout', '500ms'];
  const id = pick(random, await ids(given));
  return pick(random, [
    ['snapshot', ...wait],
    ['snapshot', agent, ...wait],
    ['rollback', agent, ...quick, ...wait],
    ['pin', id],
    ['unpin', id],
    ['prune', '--id', id, '--yes'],
    ['recover'],
  ]);
}

async function work(given: Given, until: number, ended: Ended[]): Promise<void> {
  const [{ lab }] = given.subjects as [Subject];
  while (performance.now() < until) {
    const argv = await oneCommand(given);
    ended.push({ argv, result: await lab.cowherd([...argv, '--json']) });
  }
}

interface Ended {
  readonly argv: readonly string[];
  readonly result: RunResult;
}

function codesOf({ result }: Ended): readonly string[] {
  const said = JSON.parse(result.stdout) as {
    failures?: readonly Failure[];
    error?: { readonly code: string };
  };
  return said.error ? [said.error.code] : (said.failures ?? []).map(({ code }) => code);
}

/** A refusal of prune is no fault; a failure must be one that another run explains. */
function isExplained(one: Ended): boolean {
  const { exitCode } = one.result;
  if (FINE.includes(exitCode)) return true;
  if (one.argv[0] === 'prune' && exitCode === 5) return true;
  return codesOf(one).every((code) => BY_OTHERS.includes(code));
}

test('every run ends as the contract says, and all is whole at the end', async (given) => {
  const { subjects } = given;
  const [{ lab }] = subjects as [Subject];
  const ended: Ended[] = [];
  const end = performance.now() + LAST_MS;
  await Promise.all(Array.from({ length: WORKERS }, async () => work(given, end, ended)));
  const counts = new Map<string, number>();
  for (const one of ended) {
    const { exitCode } = one.result;
    const why = exitCode === 0 ? '' : ` ${codesOf(one).join(',')}`;
    const key = `${one.argv[0] ?? ''} ${String(exitCode)}${why}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  console.log(JSON.stringify(Object.fromEntries([...counts].sort())));
  const unexplained = ended.filter((one) => !isExplained(one));
  assert.equal(
    unexplained.map(({ argv, result }) => `${argv.join(' ')}: ${result.stdout}${result.stderr}`),
    [],
  );
  assert.equal(leftovers(lab), []);
  for (const subject of subjects) {
    assert.is((await freezerOf(lab, subject.agent.container)).frozen(), false);
    await assertRecovered(subject);
    assert.is(markOf(subject), subject.agent.name);
  }
  assert.equal(deadRecords(subjects.map(({ agent }) => agent.id)), []);
  assert.is((await lab.cowherd(['snapshot'])).exitCode, 0);
});

test.run();
