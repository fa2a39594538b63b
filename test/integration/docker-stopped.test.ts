import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { TransactionPhase } from '../../src/model/transaction.ts';
import { assertAboutDocker, failuresOf } from '../support/faults/spoilt.ts';
import { refusal, takeOne } from '../support/cycle/commands.ts';
import { freezerOf, thawedAfter, type Freezer } from '../support/kill/frozen.ts';
import { reaches } from '../support/kill/phase.ts';
import { seededRandom } from '../support/kill/random.ts';
import { assertRecovered, mark, markOf, type Subject } from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { isAlive } from '../support/lab/processes.ts';
import { labPaths, readRecord } from '../support/lab/record.ts';
import { sleep } from '../support/lab/run.ts';
import { leftovers } from '../support/store.ts';

requireLab();

const ROUNDS = 4;
const WINDOW_MS = EMULATED ? 5_000 : 1_000;

interface Given {
  subject: Subject;
  then: string;
}

const test = suite<Given>('dockerd hangs');

test.before(async (given) => {
  const lab = await startLab({ size: '2G' });
  const agent = await lab.startAgent({ name: 'alpha' });
  given.subject = { lab, agent, random: seededRandom('dockerd hangs') };
  assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
  mark(given.subject, 'then');
  given.then = (await takeOne(lab, 'alpha')).id;
});

test.after(async ({ subject }) => {
  if (subject) signalDocker(subject.lab, 'SIGCONT');
  await subject?.lab.stop();
});

function signalDocker(lab: Lab, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const dockerd = readRecord(labPaths(lab.name))?.dockerd;
  if (dockerd && isAlive(dockerd)) process.kill(dockerd.pid, signal);
}

/** What a run says whose Docker hangs from `moment` on; it ends while Docker still hangs, and then leaves none of these frozen. */
async function hung(
  { lab }: Subject,
  freezers: readonly Freezer[],
  argv: readonly string[],
  moment: (over: () => boolean) => Promise<unknown>,
) {
  let ended = false;
  const running = failuresOf(lab.config, argv).finally(() => (ended = true));
  try {
    await moment(() => ended);
    signalDocker(lab, 'SIGSTOP');
    const failures = await running;
    assertAboutDocker(failures);
    assert.is.not(await thawedAfter(freezers, performance.now()), Infinity);
    return failures;
  } finally {
    signalDocker(lab, 'SIGCONT');
  }
}

test('from the start: DOCKER_UNREACHABLE, soon enough', async ({ subject: { lab } }) => {
  signalDocker(lab, 'SIGSTOP');
  try {
    const said = await Promise.all(
      [['agents'], ['snapshot'], ['rollback', 'alpha', '--yes'], ['recover']].map((argv) =>
        refusal(lab, argv),
      ),
    );
    for (const { exitCode, code, hint } of said)
      assert.equal([exitCode, code, hint !== ''], [1, 'DOCKER_UNREACHABLE', true]);
  } finally {
    signalDocker(lab, 'SIGCONT');
  }
});

test('at any moment of a snapshot: nobody stays frozen, and it is whole or not there', async ({
  subject,
}) => {
  const freezer = await freezerOf(subject.lab, 'agent-alpha');
  for (let round = 0; round < ROUNDS; round += 1) {
    const failures = await hung(subject, [freezer], ['snapshot', 'alpha'], async () =>
      sleep(subject.random() * WINDOW_MS),
    );
    for (const { code } of failures) assert.is(code, 'DOCKER_UNREACHABLE');
    await takeOne(subject.lab, 'alpha');
    assert.equal(leftovers(subject.lab), []);
    await assertRecovered(subject);
  }
});

for (const phase of ['stopping', 'swapping', 'swapped'] as const satisfies TransactionPhase[]) {
  test(`while a rollback is ${phase}: said so, and recovered when it goes on`, async ({
    subject,
    then,
  }) => {
    mark(subject, 'now');
    const failures = await hung(subject, [], ['rollback', 'alpha', then], async (over) =>
      reaches(subject.lab, phase, over),
    );
    assert.ok(failures.some(({ code }) => code === 'DOCKER_UNREACHABLE'));
    const { exitCode, stdout } = await subject.lab.cowherd(['recover', '--json']);
    assert.is(exitCode, 0, stdout);
    await assertRecovered(subject);
    assert.is(markOf(subject), 'now');
  });
}

test.run();
