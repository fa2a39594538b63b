import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { formatSize, formatSpace, parseSize, parseSpace } from '../../../src/model/sizes.ts';

test('sizes are binary or decimal as they say', () => {
  assert.is(parseSize('10GiB'), 10 * 1024 ** 3);
  assert.is(parseSize('5GB'), 5e9);
  assert.is(parseSize('1.5 MiB'), 1_572_864);
  for (const text of ['', '10', '10G', '-1KB', '1e3B', '10%', '9999999TiB'])
    assert.is(parseSize(text), null, text);
});

test('space may be a part of the whole', () => {
  assert.equal(parseSpace('10%'), { kind: 'percent', percent: 10 });
  assert.equal(parseSpace('1KiB'), { kind: 'bytes', bytes: 1024 });
  for (const text of ['101%', '-1%', '%', '10']) assert.is(parseSpace(text), null, text);
});

test('formatted sizes and space read back', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
  assert.is(formatSpace({ kind: 'percent', percent: 12.5 }), '12.5%');
  assert.is(formatSize(0), '0B');
});

test.run();
