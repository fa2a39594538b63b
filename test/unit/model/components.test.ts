import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { connected } from '../../../src/model/components.ts';

interface Item {
  readonly name: number;
  readonly keys: readonly string[];
}

const items = fc
  .array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 3 }))
  .map((all) => all.map((keys, name): Item => ({ name, keys })));
const keysOf = ({ keys }: Item): readonly string[] => keys;

test('items that share a key through others are one group', () => {
  const groups = connected(
    [
      { name: 0, keys: ['a'] },
      { name: 1, keys: ['b'] },
      { name: 2, keys: ['z'] },
      { name: 3, keys: ['a', 'b'] },
    ],
    keysOf,
  );
  assert.equal(
    groups.map((group) => group.map(({ name }) => name)),
    [[0, 1, 3], [2]],
  );
});

test('every item is in one group, and no key in two', () => {
  fc.assert(
    fc.property(items, (given) => {
      const groups = connected(given, keysOf);
      assert.equal(
        groups
          .flat()
          .map(({ name }) => name)
          .sort((a, b) => a - b),
        given.map(({ name }) => name),
      );
      const keys = groups.map((group) => new Set(group.flatMap(keysOf)));
      const all = keys.flatMap((set) => [...set]);
      assert.is(new Set(all).size, all.length);
    }),
  );
});

test.run();
