import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Run } from '../../../src/model/run.ts';
import { appendRun, endedPart, readRuns } from '../../../src/state/history.ts';
import { test } from '../../support/suite.ts';

let root = '';
test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'history-'));
});
test.after.each(() => rmSync(root, { recursive: true }));

const home = () => ({
  state: join(root, 'state'),
  runtimeDir: join(root, 'run'),
  ticks: () => performance.now(),
});
const file = () => join(root, 'state/history.jsonl');

const run = (id: string, over: Partial<Run> = {}): Run => ({
  ...{ id, command: 'snapshot', trigger: 'manual', schedule: null, occurrence: null, event: null },
  ...{ startedAt: `2026-11-27T12:00:0${id}Z`, endedAt: null, outcome: 'running', reason: null },
  ...{ snapshots: [], destroyed: 0, frozenMs: null, failures: [], filesystems: [] },
  ...over,
});

test('the last of an id holds, the newest run comes first, and nobody else can read it', async () => {
  await appendRun(home(), run('1'));
  await appendRun(home(), run('2', { outcome: 'done' }));
  await appendRun(home(), run('1', { outcome: 'done', snapshots: ['a@x'] }));
  const runs = await readRuns(home());
  assert.equal(
    runs.map(({ id, outcome }) => [id, outcome]),
    [
      ['2', 'done'],
      ['1', 'done'],
    ],
  );
  assert.equal(runs[1]?.snapshots, ['a@x']);
  assert.is(statSync(file()).mode & 0o777, 0o600);
});

test('a line that was cut short at any byte spoils no other', async () => {
  await appendRun(home(), run('1', { outcome: 'done' }));
  const whole = readFileSync(file());
  for (let bytes = 0; bytes < whole.length; bytes += 7) {
    writeFileSync(file(), Buffer.concat([whole, whole.subarray(0, bytes)]));
    await appendRun(home(), run('2', { outcome: 'done' }));
    assert.equal(
      (await readRuns(home())).map(({ id }) => id),
      ['2', '1'],
      String(bytes),
    );
  }
});

test('a run whose process is gone was interrupted', async () => {
  await appendRun(home(), run('1'));
  assert.is((await readRuns(home()))[0]?.outcome, 'running');
  const { owner } = JSON.parse(readFileSync(file(), 'utf8')) as { owner: string };
  writeFileSync(file(), readFileSync(file(), 'utf8').replace(owner, '999999999-1'));
  assert.is((await readRuns(home()))[0]?.outcome, 'interrupted');
});

test('it is bounded: the older half goes, and what an agent or a tool says is cut', async () => {
  const failure = { agent: 'a', code: 'INTERNAL', message: 'x'.repeat(10_000), hint: '' } as const;
  await appendRun(home(), run('1', { failures: Array(1_000).fill(failure) }));
  assert.ok(statSync(file()).size < 50_000);
  appendFileSync(file(), `${' '.repeat(4 * 1024 * 1024)}\n`);
  await appendRun(home(), run('2'));
  assert.ok(statSync(file()).size < 1_000);
  assert.equal(
    (await readRuns(home())).map(({ id }) => id),
    ['2', '1'],
  );
});

test('a full one is read a little at a time, beside whatever else is done', async () => {
  await appendRun(home(), run('1', { outcome: 'done' }));
  const line = readFileSync(file(), 'utf8');
  const most = 5_000;
  const lines = Array.from({ length: most }, (_, nth) => line.replace('"id":"1"', `"id":"${nth}"`));
  writeFileSync(file(), lines.join(''));
  let others = 0;
  const timer = setInterval(() => (others += 1), 1);
  const runs = await readRuns(home());
  clearInterval(timer);
  assert.is(runs.length, most);
  assert.ok(others >= 10, `others had ${others} turns`);
});

test('a part of an occasion has ended where its record says so, whatever became of it', async () => {
  const wanted = { occasion: 'noon', command: 'snapshot' } as const;
  assert.is(await endedPart(home(), wanted), null);
  await appendRun(home(), run('1', { outcome: 'interrupted' }), 'noon');
  await appendRun(home(), run('2'), 'noon');
  await appendRun(home(), run('3', { outcome: 'done' }), 'midnight');
  await appendRun(home(), run('4', { outcome: 'done', command: 'prune' }), 'noon');
  assert.is(await endedPart(home(), wanted), null);
  await appendRun(home(), run('2', { outcome: 'partly' }), 'noon');
  assert.is((await endedPart(home(), wanted))?.id, '2');
  // A run of an older version has no name, and none by hand has one.
  await appendRun(home(), run('5', { outcome: 'done' }));
  assert.is(await endedPart(home(), { ...wanted, occasion: '' }), null);
  assert.not.ok('occasion' in ((await readRuns(home()))[0] ?? {}));
});

test.run();
