import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import type { Docker } from '../../../src/docker/docker.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { isScheduled, notTheLast, ofRemovedVolumes } from '../../../src/usecases/occasions.ts';
import { container, trinity, volume } from '../../support/fixtures/host.ts';
import { restorePoint } from '../../support/placed.ts';
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
  const torn = async (docker: Context['docker']) =>
    (await ofRemovedVolumes({ config, docker }, taken)).map(({ id, gone }) =>
      [id, ...gone].join(' '),
    );
  assert.equal(await torn(listing('ws', 'pub', 'gone')), []);
  assert.equal(await torn(listing('ws', 'gone')), ['a@1 pub']);
  assert.equal(await torn(listing()), ['a@1 ws pub', 'a@2 ws', 'b@1 gone']);
});

test('what may be all that is left of a volume is kept, torn or not', () => {
  const torn = [
    { id: 'a@2', gone: ['ws'] },
    { id: 'a@3', gone: ['ws', 'pub'] },
  ];
  const [second, third] = [
    restorePoint('a', ['ws', 'pub'], { id: 'a@2' }),
    restorePoint('a', ['ws', 'pub'], { id: 'a@3' }),
  ];
  const first = (...names: readonly string[]) => restorePoint('a', names, { id: 'a@1' });
  assert.equal(notTheLast(torn, [third, second, first('ws', 'pub')]), ['a@2', 'a@3']);
  assert.equal(notTheLast(torn, [third, second, first('ws')]), ['a@2']);
  assert.equal(notTheLast(torn, [third, second]), []);
  const before = first('ws', 'pub');
  const volumes = before.manifest.volumes.map((one) => ({
    ...one,
    incarnation: { ...one.incarnation, directory: 'of one that was removed before' },
  }));
  const former = { ...before, manifest: { ...before.manifest, volumes } };
  assert.equal(notTheLast(torn, [third, second, former]), []);
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
