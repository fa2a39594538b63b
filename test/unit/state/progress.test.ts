import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readProgress, writeProgress } from '../../../src/state/progress.ts';
import type { Progress } from '../../../src/state/run-schema.ts';
import { suite } from '../../support/suite.ts';

interface Home {
  state: string;
  runtimeDir: string;
}

const test = suite<Home>('how far a schedule has got', { state: '', runtimeDir: '' });

test.before.each((home) => {
  const root = mkdtempSync(join(tmpdir(), 'progress-'));
  home.state = join(root, 'state');
  home.runtimeDir = join(root, 'run');
});
test.after.each(({ state }) => rmSync(join(state, '..'), { recursive: true }));

const begun = (at: string): Progress => ({
  ...{ occurrence: at, startedAt: at, endedAt: null, attempts: 1, run: 'one' },
});
const EARLY = begun('2026-11-27T12:00:00.000Z');
const LATE = begun('2026-11-27T12:15:00.000Z');
const AHEAD = begun('2031-01-01T00:00:00.000Z');

test('what could not be written to the state directory is kept beside it', async (home) => {
  await writeProgress(home, 'often', EARLY);
  rmSync(home.state, { recursive: true });
  writeFileSync(home.state, 'no directory');
  await writeProgress(home, 'often', LATE);
  assert.is((await readProgress(home, 'often'))?.occurrence, LATE.occurrence);
});

test('and does not outlive the next that is written, whatever a wrong clock has said', async (home) => {
  mkdirSync(join(home.state, '..'), { recursive: true });
  writeFileSync(home.state, 'no directory');
  await writeProgress(home, 'often', AHEAD);
  assert.is((await readProgress(home, 'often'))?.occurrence, AHEAD.occurrence);
  rmSync(home.state);
  await writeProgress(home, 'often', EARLY);
  assert.is((await readProgress(home, 'often'))?.occurrence, EARLY.occurrence);
});

test.run();
