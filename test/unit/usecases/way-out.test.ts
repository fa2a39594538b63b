import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import type { Tier } from '../../../src/model/snapshot.ts';
import type { Attempt } from '../../../src/usecases/capture-attempt.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { wayOut } from '../../../src/usecases/way-out.ts';
import { test } from '../../support/suite.ts';

const late = new CowherdError('FREEZE_TIMEOUT', 'too late');
const WANTED = ['fail', 'crash', 'live', 'stop'] as const;

interface Given {
  readonly tiers: readonly Tier[];
  readonly agents?: number;
  readonly docker?: boolean;
  readonly atomicGroup?: boolean;
}

function attempt({ tiers, agents = 1, docker = true }: Given, onFreezeTimeout: string): Attempt {
  const volumes = tiers.map((tier) => ({ tier, fsId: 'f', nested: [] }));
  return {
    members: Array.from({ length: agents }, () => ({ candidate: { volumes } })),
    policies: Array.from({ length: agents }, () => ({ onFreezeTimeout })),
    captures: new Map([['f', { reset: async () => Promise.resolve() }]]),
    docker: docker ? {} : null,
  } as unknown as Attempt;
}

async function ways(given: Given, error: unknown = late) {
  const capabilities = { atomicGroup: given.atomicGroup ?? false };
  const context = { openStore: async () => ({ capabilities }) } as unknown as Context;
  return Promise.all(WANTED.map(async (wanted) => wayOut(context, error, attempt(given, wanted))));
}

test('live and stop hold where nothing can snapshot, crash for one atomic image', async () => {
  assert.equal(await ways({ tiers: ['tar'] }), [null, null, 'live', 'stop']);
  assert.equal(await ways({ tiers: ['reflink'] }), [null, null, 'live', 'stop']);
  assert.equal(await ways({ tiers: ['btrfs', 'tar'] }), [null, null, 'live', 'stop']);
  assert.equal(await ways({ tiers: ['btrfs'] }), [null, 'crash', null, null]);
  assert.equal(await ways({ tiers: ['btrfs', 'btrfs'] }), [null, null, null, null]);
  const pool = { tiers: ['zfs', 'zfs'] as const, atomicGroup: true };
  assert.equal(await ways(pool), [null, 'crash', null, null]);
});

test('agents of one bracket are tried one by one first', async () => {
  assert.equal(await ways({ tiers: ['tar'], agents: 2 }), [null, null, null, null]);
});

test('without Docker there is nobody to stop, and nobody who writes', async () => {
  assert.equal(await ways({ tiers: ['tar'], docker: false }), [null, null, null, null]);
});

test('no other failure is a reason', async () => {
  for (const error of [new CowherdError('NO_SPACE', 'full'), new Error('odd')])
    assert.equal(await ways({ tiers: ['tar'] }, error), [null, null, null, null]);
});

test.run();
