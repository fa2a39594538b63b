import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { isProgressLoose, readProgress, writeProgress } from '../../../src/state/progress.ts';
import { test } from '../../support/suite.ts';

let root = '';
test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), 'progress-'));
});
test.after.each(() => rmSync(root, { recursive: true }));

const home = () => ({ state: join(root, 'state'), runtimeDir: join(root, 'run') });
const at = (time: string) => ({
  ...{ occurrence: time, startedAt: time, endedAt: null, run: 'r', attempts: 1 },
});
const occurrence = async () => (await readProgress(home(), 'often'))?.occurrence;

/** As on a full disk: what is there can be read, and nothing be written. */
function fill(): () => void {
  const directory = join(root, 'state/schedules');
  const [name = ''] = readdirSync(directory);
  mkdirSync(join(directory, `${name}.partial`));
  return () => rmdirSync(join(directory, `${name}.partial`));
}

test('each schedule has its own, null before there is one or where it is damaged', async () => {
  assert.is(await readProgress(home(), 'often'), null);
  await writeProgress(home(), 'often', at('2026-11-27T12:00:00Z'));
  await writeProgress(home(), 'seldom', at('2026-11-27T11:00:00Z'));
  assert.is(await occurrence(), '2026-11-27T12:00:00Z');
  for (const name of readdirSync(join(root, 'state/schedules')))
    writeFileSync(join(root, 'state/schedules', name), '{');
  assert.is(await readProgress(home(), 'often'), null);
});

test('what was written last holds, where it could be written, whatever its clock said', async () => {
  await writeProgress(home(), 'often', at('2031-11-27T12:00:00Z'));
  const empty = fill();
  await writeProgress(home(), 'often', at('2026-11-27T12:00:00Z'));
  assert.is(await occurrence(), '2026-11-27T12:00:00Z');
  await writeProgress(home(), 'often', at('2031-11-27T13:00:00Z'));
  assert.ok(await isProgressLoose(home(), 'often'));
  empty();
  await writeProgress(home(), 'often', at('2026-11-27T13:00:00Z'));
  assert.not.ok(await isProgressLoose(home(), 'often'));
  rmSync(join(root, 'run'), { recursive: true });
  assert.is(await occurrence(), '2026-11-27T13:00:00Z');
});

test('where it can be kept nowhere, that is said', async () => {
  await writeProgress(home(), 'often', at('2026-11-27T12:00:00Z'));
  fill();
  writeFileSync(join(root, 'run'), 'no directory');
  await writeProgress(home(), 'often', at('2026-11-27T13:00:00Z')).then(
    () => assert.unreachable(),
    (error: unknown) => assert.instance(error, Error),
  );
  assert.is(await occurrence(), '2026-11-27T12:00:00Z');
});

test.run();
