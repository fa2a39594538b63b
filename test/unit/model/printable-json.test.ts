import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { printableJson } from '../../../src/model/printable-json.ts';

test('a JSON document speaks to no terminal, and says the same', () => {
  const hostile = 'a\u001b]0;x\u0007\u009b2J\u202e\u2028\u{e0001}\ud800\r';
  const document = printableJson({ name: hostile });
  assert.not.match(document.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.equal(JSON.parse(document), { name: hostile });
});

test.run();
