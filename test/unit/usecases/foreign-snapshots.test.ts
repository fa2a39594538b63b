import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { datasetAround, foreignSnapshots } from '../../../src/usecases/foreign-snapshots.ts';

const dataset = (path: string, guid: string, parentGuid: string | null = null) => ({
  path,
  guid,
  parentGuid,
});
const datasets = [
  dataset('/@', 'root'),
  dataset('/@/docker', 'docker'),
  dataset('/.snapshots/1', 's1', 'root'),
  dataset('/.cowherd/transient/1-1-1', 'ours', 'root'),
  dataset('/backup/docker', 's2', 'docker'),
  dataset('/backup/top', 's3', 'top'),
];
const store = {
  datasets: () => Promise.resolve(datasets),
  treeAt: (path: string) =>
    Promise.resolve(path === '/' ? ({ kind: 'dataset', guid: 'top' } as const) : null),
};

test('the dataset around a path is the nearest above it', () => {
  assert.is(datasetAround(datasets, '/@/docker/volumes/x/_data'), '/@/docker');
  assert.is(datasetAround(datasets, '/@/docker'), '/@');
  assert.is(datasetAround(datasets, '/@dock/x'), '/');
});

test('snapshots of a dataset are foreign outside our store', async () => {
  assert.equal(await foreignSnapshots(store, '/@'), ['/.snapshots/1']);
  assert.equal(await foreignSnapshots(store, '/nowhere'), []);
});

test('those of the top of a filesystem, which no listing has, are found too', async () => {
  assert.equal(await foreignSnapshots(store, '/'), ['/backup/top']);
});

test.run();
