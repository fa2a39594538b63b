import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { healthWindowMs } from '../../../src/docker/health.ts';
import {
  parseContainers,
  parseDetails,
  parseInfo,
  parseVolumes,
} from '../../../src/docker/parse.ts';
import { CowherdError } from '../../../src/model/errors.ts';

const FIXTURES = join(import.meta.dirname, '../../support/fixtures/docker');

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
}

test('containers as Docker 20.10 lists them', () => {
  const containers = parseContainers(fixture('containers'));
  assert.equal(
    containers.map(({ name, state }) => [name, state]),
    [
      ['parked', 'created'],
      ['sidecar', 'running'],
      ['shop-db-1', 'running'],
      ['agent-alpha', 'running'],
    ],
  );
  const [, sidecar, shop, alpha] = containers;
  assert.match(sidecar?.networkMode ?? '', /^container:[0-9a-f]{64}$/);
  assert.equal(sidecar?.mounts[0], {
    type: 'bind',
    volume: null,
    source: '/srv/lab/mnt/docker',
    destination: '/docker',
    writable: false,
  });
  assert.is(shop?.labels['com.docker.compose.project'], 'shop');
  assert.is(alpha?.mounts.length, 3);
});

test('volumes as Docker 20.10 lists them', () => {
  const volumes = parseVolumes(fixture('volumes'));
  assert.is(volumes.length, 8);
  const bound = volumes.find(({ name }) => name === 'bound');
  assert.equal(bound?.options, { device: '/srv/lab/exported', o: 'bind', type: 'none' });
  assert.equal(bound?.labels, {});
  assert.match(bound?.createdAt ?? '', /^2026-11-23T/);
});

test('an inspect of a probed container', () => {
  const details = parseDetails(fixture('inspect-probed'));
  assert.is(details.name, 'shop-db-1');
  assert.ok(details.pid > 0);
  assert.is(details.stopTimeoutS, 3);
  assert.is(details.restartPolicy, 'unless-stopped');
  assert.is(details.health, 'starting');
  assert.is(details.healthWindowMs, 2 * (90_000 + 30_000));
  assert.not.ok(details.autoRemove);
  assert.is(details.runtime, 'runc');
});

test('an inspect of a --rm container in the network of another', () => {
  const details = parseDetails(fixture('inspect-joined'));
  assert.ok(details.autoRemove);
  assert.is(details.health, 'none');
  assert.is(details.healthWindowMs, null);
  assert.is(details.joins.length, 1);
  assert.is(details.stopTimeoutS, null);
});

test('an inspect of a container that never ran', () => {
  const { state, pid, exitCode, joins } = parseDetails(fixture('inspect-created'));
  assert.equal(
    { state, pid, exitCode, joins },
    { state: 'created', pid: 0, exitCode: 0, joins: [] },
  );
});

test('the daemon itself', () => {
  assert.equal(parseInfo(fixture('info')), {
    dataRoot: '/srv/lab/mnt/docker',
    serverVersion: '20.10.24+dfsg1',
    storageDriver: 'btrfs',
    liveRestore: false,
  });
});

test('absent, null and unknown fields do no harm', () => {
  assert.equal(parseVolumes({ Volumes: null }), []);
  assert.is(parseVolumes({ Volumes: [{ Name: 'v', Status: {} }] })[0]?.driver, 'local');
  const [bare, linked] = parseContainers([
    { Id: 'a'.repeat(64), Labels: null, Mounts: null, Names: null },
    { Id: 'b', Names: ['/other/alias', '/own'], State: 'configured', Mounts: [{ Type: 'tmpfs' }] },
  ]);
  assert.is(bare?.name, 'a'.repeat(12));
  assert.is(bare?.state, 'running');
  assert.is(linked?.name, 'own');
  assert.is(linked?.state, 'created');
  assert.is(linked?.mounts[0]?.source, '');
});

test('an answer that is no answer of Docker is TOOL_FAILED', () => {
  for (const answer of [null, 'hello', { message: 'x' }, [{ Name: 'no id' }]]) {
    try {
      parseContainers(answer);
      assert.unreachable();
    } catch (error) {
      assert.ok(error instanceof CowherdError);
      assert.is(error.code, 'TOOL_FAILED');
    }
  }
});

test('a health probe has the defaults of Docker where it says nothing', () => {
  const nothing = { Interval: 0, Timeout: 0, StartPeriod: 0, Retries: 0 };
  assert.is(healthWindowMs({ ...nothing, Test: ['CMD', 'true'] }), 4 * 60_000);
  assert.is(healthWindowMs({ ...nothing, Test: ['CMD', 'true'], StartPeriod: 5e9 }), 245_000);
  assert.is(healthWindowMs({ ...nothing, Test: ['NONE'] }), null);
  assert.is(healthWindowMs({ ...nothing, Test: null }), null);
  assert.is(healthWindowMs(null), null);
});

test.run();
