import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { ContainerDetails } from '../../../src/docker/docker.ts';
import { judge } from '../../../src/usecases/health.ts';

const container = { id: 'c', name: 'agent-a', ran: true, paused: false, unhealthy: false };

const details: ContainerDetails = {
  id: 'c',
  name: 'agent-a',
  state: 'running',
  image: 'i',
  imageId: 'sha256:i',
  labels: {},
  mounts: [],
  networkMode: 'none',
  pid: 42,
  startedAt: '2026-11-22T11:05:03Z',
  restartCount: 0,
  autoRemove: false,
  restartPolicy: 'no',
  stopTimeoutS: null,
  health: 'none',
  healthWindowMs: null,
  exitCode: 0,
  joins: [],
  runtime: 'runc',
};

function seen(now: Partial<ContainerDetails> | null, elapsedMs: number, limitMs = 60_000) {
  const changed = now === null ? null : { ...details, ...now };
  return judge({ container, first: details, now: changed, elapsedMs, limitMs });
}

function isUnwell(step: ReturnType<typeof judge>): boolean {
  return step !== 'wait' && !step.healthy;
}

test('without a HEALTHCHECK it must run for 5 s', () => {
  assert.is(seen({}, 4_900), 'wait');
  assert.equal(seen({}, 5_000), { healthy: true });
});

test('with one it must say healthy', () => {
  assert.is(seen({ health: 'starting' }, 30_000), 'wait');
  assert.equal(seen({ health: 'healthy' }, 100), { healthy: true });
  assert.ok(isUnwell(seen({ health: 'starting' }, 60_000)));
});

test('unhealthy, an exit, a restart and a removal end it at once', () => {
  assert.ok(isUnwell(seen({ health: 'unhealthy' }, 10)));
  assert.ok(isUnwell(seen({ state: 'exited', exitCode: 1 }, 10)));
  assert.ok(isUnwell(seen({ state: 'restarting' }, 10)));
  assert.ok(isUnwell(seen({ restartCount: 1 }, 10)));
  assert.ok(isUnwell(seen({ startedAt: '2026-11-22T11:05:09Z' }, 10)));
  assert.ok(isUnwell(seen(null, 10)));
});

test('one that was unhealthy before need only run', () => {
  const before = { ...container, unhealthy: true };
  const now = { ...details, health: 'unhealthy' as const };
  const step = judge({ container: before, first: details, now, elapsedMs: 5_000, limitMs: 60_000 });
  assert.equal(step, { healthy: true });
});

test.run();
