import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { bytes, counted, errorLines, escapeLines, ms, table } from '../../../src/cli/render.ts';

test('columns are as wide as their widest cell', () => {
  assert.is(
    table(
      ['A', 'LONG'],
      [
        ['xyz', '1'],
        ['x', ''],
      ],
    ),
    'A    LONG\nxyz  1\nx',
  );
});

test('what comes from an agent cannot speak to the terminal', () => {
  const shown = table(['NAME'], [['a\u001b[31m\n\u202eb']]);
  assert.not.match(shown, /[\u001b\u202e]/);
  assert.is(shown.split('\n').length, 2);
});

test('nor does a text of several lines', () => {
  const hostile = 'a\u001b]0;x\u0007\u009b2J\u202e\u2028\u{e0001}\ud800\r';
  assert.is(escapeLines(`x\n${hostile}`).split('\n').length, 2);
  const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
  assert.not.match(escapeLines(hostile), unsafe);
});

test('durations and sizes in the unit that fits', () => {
  assert.is(ms(4.12), '4.1 ms');
  assert.is(ms(812), '812 ms');
  assert.is(ms(1250), '1.3 s');
  assert.is(bytes(512), '512 B');
  assert.is(bytes(1536 * 1024), '1.5 MiB');
  assert.is(counted(1, 'volume'), '1 volume');
  assert.is(counted(0, 'volume'), '0 volumes');
});

test('an error is one line, and one for the hint if there is one', () => {
  const error = { code: 'LOCKED', message: 'busy', hint: 'wait' } as const;
  assert.is(errorLines(error), 'cowherd: LOCKED: busy\nhint: wait');
  assert.is(errorLines({ ...error, hint: '' }), 'cowherd: LOCKED: busy');
});

test.run();
