import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { withinLimit } from '../../../src/usecases/manifest-limits.ts';

const named = (length: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ path: String(index).padEnd(length, 'x') }));

test('what an agent usually has is kept whole', () => {
  const records = named(100, 1_000);
  assert.equal(withinLimit(records), { kept: records, cut: 0 });
});

test('too many long paths: the first are kept, and how many were not is told', () => {
  const records = named(4_000, 1_000);
  const { kept, cut } = withinLimit(records);
  assert.is(kept.length + cut, 1_000);
  assert.ok(kept.length > 30 && cut > 900);
  assert.equal(kept, records.slice(0, kept.length));
});

test('a path that no system call takes is left out, and the rest is not', () => {
  const [long, short] = [...named(25_000, 1), ...named(10, 1)];
  assert.equal(withinLimit([long, short].filter((one) => one !== undefined)), {
    kept: [short],
    cut: 1,
  });
});

test.run();
