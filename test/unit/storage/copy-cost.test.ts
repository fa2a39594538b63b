import { mkdtempSync, rmSync, utimesSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { layoutOf } from '../../../src/storage/files/layout.ts';
import { countEntries, msPerEntry, noteCost } from '../../../src/storage/plain/copy-cost.ts';
import { suite } from '../../support/suite.ts';

const test = suite<{ top: string }>('what a copy of shared data takes');
test.before.each((given) => {
  given.top = mkdtempSync(join(tmpdir(), 'cowherd-cost-'));
  mkdirSync(join(given.top, '.cowherd'));
});
test.after.each(({ top }) => {
  rmSync(top, { recursive: true });
});

const now = new Date();
const DAY_S = 86_400;

test('what was measured counts for a day, and nothing that was too small to tell', async ({
  top,
}) => {
  const layout = layoutOf(top);
  const usual = await msPerEntry(layout, now);
  await noteCost(layout, { entries: 10, tookMs: 1_000 });
  assert.is(await msPerEntry(layout, now), usual);
  await noteCost(layout, { entries: 10_000, tookMs: 4_000 });
  assert.is(await msPerEntry(layout, now), 0.4);
  const before = now.getTime() / 1_000 - 2 * DAY_S;
  utimesSync(join(layout.store, 'copy-cost'), before, before);
  assert.is(await msPerEntry(layout, now), usual);
});

test('a note that nobody can read is none', async ({ top }) => {
  const layout = layoutOf(top);
  const usual = await msPerEntry(layout, now);
  for (const text of ['', 'x', '-1', '0', 'NaN']) {
    writeFileSync(join(layout.store, 'copy-cost'), text);
    assert.is(await msPerEntry(layout, now), usual, text);
  }
});

test('entries are counted, the tree itself too; what is not there has none', async ({ top }) => {
  writeFileSync(join(top, 'a\nb'), '');
  assert.is(await countEntries(top), 3);
  assert.is(await countEntries(join(top, 'gone')), 0);
});

test.run();
