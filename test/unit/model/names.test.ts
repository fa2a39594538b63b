import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { decodeName, encodeName } from '../../../src/model/names.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 400 });
const short = fc.string({ unit: 'grapheme', maxLength: 10 });

test('a name is at most 128 bytes of safe characters and never a directory above', () => {
  fc.assert(
    fc.property(
      anyText.filter((text) => text !== ''),
      (raw) => {
        const name = encodeName(raw);
        return /^[A-Za-z0-9_.%~-]{1,128}$/.test(name) && name !== '.' && name !== '..';
      },
    ),
  );
  assert.is(encodeName('..'), '%2E%2E');
});

test('different short texts have different names', () => {
  fc.assert(fc.property(short, short, (a, b) => a === b || encodeName(a) !== encodeName(b)));
});

test('plain names stay as they are, long ones keep their beginning', () => {
  assert.is(encodeName('agent_1.x-y'), 'agent_1.x-y');
  assert.is(encodeName('a/b'), 'a%2Fb');
  assert.match(encodeName('x'.repeat(300)), /^x{110}~[0-9a-f]{16}$/);
});

test('a short name decodes to what it was', () => {
  fc.assert(fc.property(short, (raw) => raw.length > 9 || decodeName(encodeName(raw)) === raw));
  assert.is(decodeName('..%2F..%2Fetc%2Fx'), '../../etc/x');
  assert.is(decodeName('%FF'), '\uFFFD');
  for (const letter of ['x', 'ü', '€', '…/'])
    assert.match(decodeName(encodeName(letter.repeat(200))), new RegExp(`^(${letter})+…?$`));
});

test.run();
