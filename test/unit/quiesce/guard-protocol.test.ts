import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { splitLines } from '../../../src/quiesce/guard-protocol.ts';

test('lines come whole and in order, however they are cut', () => {
  const text = '{"a":1}\n{"b":2}\n\n{"c":';
  for (const size of [1, 2, 5, 100]) {
    const lines: string[] = [];
    const push = splitLines((line) => lines.push(line));
    for (let at = 0; at < text.length; at += size) push(text.slice(at, at + size));
    assert.equal(lines, ['{"a":1}', '{"b":2}', '']);
  }
});

test.run();
