import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { keepTail } from '../../../src/docker/tail.ts';

test('only the last bytes are kept, however they come', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 30 })), (chunks) => {
      const tail = keepTail(16);
      for (const chunk of chunks) tail.stream.write(Buffer.from(chunk));
      assert.is(tail.text(), chunks.join('').slice(-16));
    }),
  );
});

test.run();
