import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { createGate, createSharing } from '../../../src/daemon/sharing.ts';

interface Bench {
  readonly ask: (key?: string) => Promise<number>;
  /** Ends the computation that was begun as this one. */
  readonly end: (nth: number, error?: Error) => void;
  readonly begun: () => number;
  readonly pass: (ms: number) => void;
}

function bench(atOnce = 4): Bench {
  let ms = 0;
  const ends: ((error?: Error) => void)[] = [];
  const share = createSharing<number>({ gate: createGate(atOnce), ticks: () => ms });
  const make = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const nth = ends.length + 1;
      ends.push((error) => (error === undefined ? resolve(nth) : reject(error)));
    });
  return {
    ask: (key = 'one') => share(key, make),
    end: (nth, error) => ends[nth - 1]?.(error),
    begun: () => ends.length,
    pass: (by) => {
      ms += by;
    },
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who asks while it is computed shares it, whoever asks after gets another', async () => {
  const { ask, end, begun } = bench();
  const both = [ask(), ask()];
  await settle();
  assert.is(begun(), 1);
  end(1);
  assert.equal(await Promise.all(both), [1, 1]);
  const third = ask();
  await settle();
  end(2);
  assert.is(await third, 2);
});

test('what was begun more than two seconds ago is given to nobody; the next begins when it has ended', async () => {
  const { ask, end, begun, pass } = bench();
  const first = ask();
  await settle();
  pass(2000);
  const second = ask();
  pass(1);
  const later = [ask(), ask()];
  await settle();
  assert.is(begun(), 1);
  end(1);
  assert.equal(await Promise.all([first, second]), [1, 1]);
  await settle();
  assert.is(begun(), 2);
  end(2);
  assert.equal(await Promise.all(later), [2, 2]);
});

test('a failure is told to all who share it, and not kept', async () => {
  const { ask, end, pass } = bench();
  const both = [ask(), ask()];
  await settle();
  pass(3000);
  const next = ask();
  end(1, new Error('no'));
  const settled = await Promise.allSettled(both);
  assert.equal(
    settled.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  await settle();
  end(2);
  assert.is(await next, 2);
});

test('different keys are computed side by side, so many at once', async () => {
  const { ask, end, begun } = bench(2);
  const all = ['a', 'b', 'c'].map(ask);
  await settle();
  assert.is(begun(), 2);
  end(2, new Error('no'));
  await all[1]?.catch(() => 0);
  await settle();
  assert.is(begun(), 3);
  end(1);
  end(3);
  assert.equal([await all[0], await all[2]], [1, 3]);
});

test.run();
