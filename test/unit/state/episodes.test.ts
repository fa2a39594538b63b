import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Episode } from '../../../src/model/episodes.ts';
import { CowherdError } from '../../../src/model/errors.ts';
import { readEpisodes, writeEpisodes } from '../../../src/state/episodes.ts';

const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
test.after(() => {
  rmSync(directory, { recursive: true });
});

let states = 0;
/** A state directory that is not there yet. */
const fresh = () => join(directory, `state-${(states += 1)}`);

const EPISODES: readonly Episode[] = [
  {
    ...{ key: 'schedule-failing:often:alpha', kind: 'failure', agent: 'alpha' },
    ...{ code: 'HOOK_FAILED', message: 'it broke', hint: 'mend it' },
    ...{ sinceMs: 5, endedMs: null, told: { webhook: 7 } },
  },
  {
    ...{ key: 'low-space', kind: 'failure', agent: null, code: 'LOW_SPACE', message: '', hint: '' },
    ...{ sinceMs: 5, endedMs: 9, told: { webhook: 'over', command: 3 } },
  },
];

test('what was written is read, and root’s alone', async () => {
  const state = fresh();
  assert.equal(await readEpisodes(state), []);
  await writeEpisodes(state, EPISODES);
  assert.equal(await readEpisodes(state), EPISODES);
  assert.equal(readdirSync(state), ['notices.json']);
  assert.is(statSync(join(state, 'notices.json')).mode & 0o777, 0o600);
});

test('a damaged record is an error that does not repeat it', async () => {
  const state = fresh();
  mkdirSync(state);
  const [first] = EPISODES;
  const wrong = JSON.stringify({ episodes: [{ ...first, told: { webhook: 'yesterday' } }] });
  for (const text of ['', '{}', '[]', '{"episodes":[{"key"', '\0\0\0', wrong]) {
    writeFileSync(join(state, 'notices.json'), text);
    try {
      await readEpisodes(state);
      assert.unreachable(text);
    } catch (error) {
      assert.ok(error instanceof CowherdError, text);
      assert.equal([error.code, error.message], ['IO_ERROR', `${state}/notices.json is damaged`]);
    }
  }
});

test.run();
