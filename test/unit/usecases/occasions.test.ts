import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import type { Docker } from '../../../src/docker/docker.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { isScheduled, ofRemovedVolumes } from '../../../src/usecases/occasions.ts';
import { container, trinity, volume } from '../../support/fixtures/host.ts';
import { test } from '../../support/suite.ts';

const configOf = async (text: string) => parseConfig(text, { file: 'c.yaml', hostname: 'box' });

/** A Docker that lists these volumes, and a container that mounts the first. */
function listing(...names: readonly string[]): () => Promise<Docker> {
  const docker: Partial<Docker> = {
    info: async () => ({
      ...{ dataRoot: '/docker', serverVersion: '0', storageDriver: 'btrfs', liveRestore: false },
    }),
    containers: async () => [container('agent-a', names.slice(0, 1), trinity('a'))],
    volumes: async () => names.map((name) => volume(name, trinity('a'))),
  };
  return async () => docker as Docker;
}

const point = (id: string, ...volumes: readonly string[]) => ({
  ...{ id, volumes: volumes.map((name) => ({ name })) },
});

test('a restore point of a volume that Docker lists no more is torn; one of volumes that are there is not', async () => {
  const config = await configOf('');
  const taken = [point('a@1', 'ws', 'pub'), point('a@2', 'ws'), point('b@1', 'gone')];
  const torn = async (docker: Context['docker']) => ofRemovedVolumes({ config, docker }, taken);
  assert.equal(await torn(listing('ws', 'pub', 'gone')), []);
  assert.equal(await torn(listing('ws', 'gone')), ['a@1']);
  assert.equal(await torn(listing()), ['a@1', 'a@2', 'b@1']);
});

test('a listed directory is no volume of Docker’s, and is there as long as the config lists it', async () => {
  const config = await configOf('agents: { paths: [{ agent: p, path: /srv/data }] }');
  const taken = [point('p@1', '/srv/data')];
  assert.equal(await ofRemovedVolumes({ config, docker: listing('ws') }, taken), []);
});

test('only of agents of whom a schedule takes restore points are some taken unasked', async () => {
  const schedules = `schedules:
    - { name: often, cron: '0 * * * *', agents: ['team-*'], run: [snapshot] }
    - { name: tidy, cron: '0 * * * *', run: [prune] }`;
  const config = await configOf(schedules);
  assert.is(isScheduled({ config }, 'team-a'), true);
  assert.is(isScheduled({ config }, 'other'), false);
});

test.run();
