import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { ErrorCode, Failure } from '../../src/model/errors.ts';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { listed, prune, takeOne, type ErrorDocument } from '../support/cycle/commands.ts';
import { fillBut, fillUp, makeRoom } from '../support/kill/fill.ts';
import { runKilled, type KillRequest } from '../support/kill/killed.ts';
import { seededRandom, SOAK } from '../support/kill/random.ts';
import {
  assertRecovered,
  instants,
  kindOf,
  mark,
  markOf,
  NEVER,
  recoverBy,
  type Subject,
} from '../support/kill/subject.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab } from '../support/lab/lab.ts';
import { capturesPlain, labFilesystem } from '../support/lab/record.ts';
import { leftovers } from '../support/store.ts';

requireLab();

/** Docker too writes to this disk. */
const CODES: readonly ErrorCode[] = ['NO_SPACE', 'TOOL_FAILED'];
const LEFT_BYTES = 3 << 20;
/** ZFS keeps half of a small pool for itself. */
const DISK = labFilesystem() === 'btrfs' ? { size: '500M', mkfs: ['--mixed'] } : { size: '320M' };
const KINDS = capturesPlain() ? (['directory', 'dataset'] as const) : (['dataset'] as const);
const COMMANDS = ['snapshot', 'rollback', 'unadopt', 'adopt'] as const;

interface Given {
  subject: Subject;
  fill: string;
  then: string;
}

const test = suite<Given>('a full disk');

test.before(async (given) => {
  const lab = await startLab(DISK);
  const env = { LAB_TX_DELAY_MS: '300' };
  const agent = await lab.startAgent({ name: 'alpha', env, capturable: true });
  given.subject = { lab, agent, random: seededRandom('a full disk') };
  given.fill = join(lab.mnt, 'fill');
  mark(given.subject, 'then');
  const { json } = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
  given.then = json.snapshots[0]?.id ?? '';
});

test.after(async ({ subject }) => subject?.lab.stop());

async function stateOf({ lab, agent }: Subject): Promise<string> {
  return lab.docker(['inspect', '--format', '{{.State.Status}}', agent.container]);
}

/** Asserts that nothing but the lack of space was at fault; gives the first code. */
function assertCoded(report: unknown): ErrorCode | undefined {
  const { failures } = report as { readonly failures: readonly Failure[] };
  for (const { code, message } of failures) assert.ok(CODES.includes(code), `${code}: ${message}`);
  return failures[0]?.code;
}

for (const kind of KINDS) {
  test(`full from the start (${kind}): NO_SPACE, nothing changed`, async ({ subject, fill }) => {
    const { lab } = subject;
    if (kind === 'dataset') assert.is((await lab.cowherd(['adopt', 'alpha', '--yes'])).exitCode, 0);
    mark(subject, 'now');
    fillUp(fill);
    try {
      for (const command of ['snapshot', 'rollback', kind === 'dataset' ? 'unadopt' : 'adopt']) {
        const yes = command === 'snapshot' ? [] : ['--yes'];
        const result = await lab.cowherd([command, 'alpha', ...yes, '--json']);
        assert.is(result.exitCode, 1, result.stdout);
        assert.match(result.stdout, '"NO_SPACE"');
        assert.is(await stateOf(subject), 'running');
      }
    } finally {
      await makeRoom(fill);
    }
    assert.is(kindOf(subject), kind);
    assert.is(markOf(subject), 'now');
    await assertRecovered(subject);
  });
}

for (const command of COMMANDS) {
  test(`full at any step of ${command}: running, and whole as soon as there is room`, async (given) => {
    const { subject, fill, then } = given;
    const { lab, agent } = subject;
    const seen = new Map<string, number>();
    if (command === 'adopt') await backTo(subject, 'directory');
    for (const at of await stepsOf(given, command)) {
      const before = kindOf(subject);
      mark(subject, 'now');
      await fillBut(fill, LEFT_BYTES);
      const request = { command, agent: agent.name, snapshot: then, at, when: 'full' } as const;
      const { steps, report } = await runKilled(lab, { ...request, delayMs: 0, fill });
      const where = `${command}, full before ${steps[at - 1] ?? '?'}: ${JSON.stringify(report)}`;
      try {
        assert.is(await stateOf(subject), 'running');
        const code = assertCoded(report) ?? 'done';
        seen.set(code, (seen.get(code) ?? 0) + 1);
        await makeRoom(fill);
        await recoverBy(subject, 0);
        await assertRecovered(subject);
        if (code !== 'done') assert.is(markOf(subject), 'now');
        // Once all new data is in place, a conversion is finished by its recovery.
        const swapped = steps.findLastIndex((line) => line.endsWith(' install')) < at - 1;
        if (code !== 'done' && !swapped) assert.is(kindOf(subject), before);
      } catch (error) {
        throw new Error(where, { cause: error });
      } finally {
        await makeRoom(fill);
      }
      await backTo(subject, before);
    }
    console.log(command, JSON.stringify(Object.fromEntries(seen)));
    assert.ok((seen.get('NO_SPACE') ?? 0) > 0, `${command}: it was never full`);
    assert.equal(leftovers(lab), []);
  });
}

test('full: a pin is made or refused with a code, prune makes room, and nothing else goes', async ({
  subject,
  fill,
}) => {
  const { lab } = subject;
  const doomed = await takeOne(lab, 'alpha');
  const kept = await takeOne(lab, 'alpha');
  const before = (await listed(lab)).map(({ id }) => id);
  fillUp(fill);
  try {
    const pin = await lab.cowherd<ErrorDocument>(['pin', kept.id, '--json']);
    if (pin.exitCode !== 0) assert.ok(CODES.includes(pin.json.error.code as ErrorCode), pin.stdout);
    const points = await listed(lab);
    assert.equal(
      points.map(({ id }) => id),
      before,
    );
    const isPinned = points.find(({ id }) => id === kept.id)?.pinned;
    if (pin.exitCode === 0) assert.is(isPinned, true);
    const { exitCode, stdout } = await prune(lab, [doomed.id]);
    assert.is(exitCode, 0, stdout);
    assert.equal(
      (await listed(lab)).map(({ id }) => id),
      before.filter((id) => id !== doomed.id),
    );
  } finally {
    await makeRoom(fill);
  }
  assert.is((await lab.cowherd(['pin', kept.id])).exitCode, 0);
  assert.ok((await listed(lab)).some(({ id, pinned }) => id === kept.id && pinned));
  await assertRecovered(subject);
});

/** Where the disk becomes full: in a soak before every change, else before the first and last of a kind. */
async function stepsOf(
  { subject, then }: Given,
  command: KillRequest['command'],
): Promise<readonly number[]> {
  const { lab, agent, random } = subject;
  const before = kindOf(subject);
  const request = { command, agent: agent.name, snapshot: then, ...NEVER };
  const { steps } = await runKilled(lab, request);
  await backTo(subject, before);
  const all = instants(steps, random).filter(({ when }) => when === 'before');
  return all.filter((_, index) => SOAK || index % 2 === 0).map(({ at }) => at);
}

async function backTo(subject: Subject, kind: 'dataset' | 'directory'): Promise<void> {
  if (kindOf(subject) === kind) return;
  const command = kind === 'dataset' ? 'adopt' : 'unadopt';
  assert.is((await subject.lab.cowherd([command, 'alpha', '--yes'])).exitCode, 0);
}

test.run();
