import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { destroyParts } from '../../../src/usecases/destroy-parts.ts';
import { restorePoint } from '../../support/placed.ts';

/** A restore point with parts on the filesystems fs-1, its home, and fs-2; what was destroyed, in order. */
function scene() {
  const gone: string[] = [];
  const openStore = (fsId: string) =>
    Promise.resolve({ destroy: () => Promise.resolve(gone.push(fsId)) });
  const home = restorePoint('alpha', ['w', 'p']);
  const [first, second] = home.manifest.volumes;
  if (first === undefined || second === undefined) throw new Error('no volumes');
  const volumes = [
    { ...first, fsId: 'fs-1' },
    { ...second, fsId: 'fs-2' },
  ];
  const none = { locations: {} };
  const point = {
    ...home,
    manifest: { ...home.manifest, volumes },
    parts: new Map([
      ['fs-1', none],
      ['fs-2', none],
    ]),
  };
  return { point, gone, context: { openStore } as unknown as Context };
}

test('the home copy goes last', async () => {
  const { context, point, gone } = scene();
  await destroyParts(context, point, []);
  assert.equal(gone, ['fs-2', 'fs-1']);
});

test('nothing goes while a filesystem with a part of it cannot be read', async () => {
  const { context, point, gone } = scene();
  const error = new CowherdError('TOOL_FAILED', 'suspended');
  const other = { fsId: 'fs-3', error };
  try {
    await destroyParts(context, point, [other, { fsId: 'fs-2', error }]);
    assert.unreachable();
  } catch (thrown) {
    assert.is(thrown, error);
  }
  assert.equal(gone, []);
  await destroyParts(context, point, [other]);
  assert.equal(gone, ['fs-2', 'fs-1']);
});

test.run();
