import * as assert from 'uvu/assert';
import { copyScript, isCopied, resultAt } from '../../../src/quiesce/copy-script.ts';
import { test } from '../../support/suite.ts';

test('one read transaction is begun before the first page is copied, and nothing of the schema is looked at', () => {
  const lines = copyScript('7', 5_000).split('\n');
  const at = (line: string) => lines.indexOf(line);
  assert.ok(at('BEGIN;') < at('PRAGMA schema_version;'));
  assert.ok(at('PRAGMA schema_version;') < at(`.backup --async main ${resultAt('7')}`));
  assert.is(lines[0], '.timeout 5000');
});

test('only who came to the end of the script has copied', () => {
  assert.ok(isCopied('4\ncopied\n'));
  for (const stdout of ['', '4\n', 'copied\n4\n', 'copied elsewhere\n'])
    assert.not(isCopied(stdout), stdout);
});

test.run();
