import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Agent } from '../../../src/model/agent.ts';
import type { Manifest } from '../../../src/model/manifest.ts';
import { ownersAmong } from '../../../src/usecases/restore-points.ts';

function agent(name: string, volumes: readonly string[], aliases: readonly string[] = []): Agent {
  return {
    name,
    aliases,
    containers: [],
    volumes: volumes.map((volume) => ({
      name: volume,
      kind: 'docker' as const,
      role: volume,
      mountpoint: `/v/${volume}/_data`,
      createdAt: null,
      labels: {},
      unsupported: null,
      users: [],
    })),
  };
}

function taken(by: string, volumes: readonly string[]): { manifest: Manifest } {
  const named = volumes.map((name) => ({ name }));
  return { manifest: { agent: by, volumes: named } as unknown as Manifest };
}

const ownerOf = (stored: { manifest: Manifest }, agents: readonly Agent[]): string =>
  ownersAmong(agents)(stored);

test('history follows the volumes to the renamed agent', () => {
  assert.is(ownerOf(taken('alpha', ['w', 'p']), [agent('beta', ['w', 'p'], ['alpha'])]), 'beta');
});

test('a new agent of the old name does not inherit it', () => {
  const agents = [agent('alpha', ['x']), agent('beta', ['w', 'p'], ['alpha'])];
  assert.is(ownerOf(taken('alpha', ['w', 'p']), agents), 'beta');
});

test('the agent that owns most of the volumes has it', () => {
  assert.is(
    ownerOf(taken('old', ['a', 'b', 'c']), [agent('one', ['a']), agent('two', ['b', 'c'])]),
    'two',
  );
});

test('without any of its volumes it stays with the name, or whoever had it', () => {
  assert.is(ownerOf(taken('alpha', ['w']), [agent('alpha', ['x'])]), 'alpha');
  assert.is(ownerOf(taken('alpha', ['w']), [agent('beta', ['x'], ['alpha'])]), 'beta');
  assert.is(ownerOf(taken('alpha', ['w']), [agent('gamma', ['x'])]), 'alpha');
  assert.is(ownerOf(taken('alpha', ['w']), []), 'alpha');
});

test.run();
