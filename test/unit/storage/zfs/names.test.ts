import * as fc from 'fast-check';
import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseMountinfo } from '../../../../src/model/mountinfo.ts';
import { parentIn } from '../../../../src/storage/zfs/home.ts';
import {
  asideName,
  componentOf,
  isAside,
  nameInPlace,
  snapshotName,
} from '../../../../src/storage/zfs/names.ts';
import { withoutAltroot } from '../../../../src/storage/zfs/properties.ts';
import { CowherdError } from '../../../../src/model/errors.ts';
import { told } from '../../../../src/storage/zfs/tool.ts';

const COMPONENT = /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/;

test('a volume is a legal component of a name, and two volumes are two', () => {
  assert.is(componentOf('agent-alpha-workspace'), 'agent-alpha-workspace');
  const anyName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/);
  fc.assert(
    fc.property(anyName, anyName, (a, b) => {
      assert.match(componentOf(a), COMPONENT);
      assert.ok(componentOf(a).length < 80);
      assert.is(componentOf(a) === componentOf(b), a === b);
    }),
  );
});

test('a listed directory is one too', () => {
  assert.match(componentOf('srv/trinity data'), /^srv-trinity-data:[0-9a-f]{16}$/);
});

test('a name set aside tells its transaction and the name in place', () => {
  const aside = asideName('tank/cowherd/v:1', '12-345-0a1b', 'old');
  assert.is(aside, 'tank/cowherd/cowherd-old-12-345-0a1b:v:1');
  assert.is(nameInPlace(aside), 'tank/cowherd/v:1');
  assert.is(nameInPlace('tank/cowherd/v:1'), null);
  assert.ok(isAside(aside, '12-345-0a1b', 'old'));
  assert.not(isAside(aside, '12-345-0a1b', 'new'));
  assert.not(isAside(aside, '12-345-0a1', 'old'));
});

test('a name that would be too long to set aside is refused before anything is done', () => {
  assert.throws(
    () => asideName(`tank/${'x'.repeat(235)}`, '12-345-0a1b', 'new'),
    (error: unknown) => error instanceof CowherdError && error.code === 'TIER_UNSUPPORTED',
  );
});

test('snapshots are called by our prefix, the time and something random', () => {
  const name = snapshotName(new Date('2026-11-22T11:05:03.123Z'), '1a2b3c4d');
  assert.is(name, 'cowherd-20261122T110503Z-1a2b3c4d');
});

const MOUNTS = parseMountinfo(`26 1 254:0 / / rw - ext4 /dev/vda rw
225 26 0:43 / /var/lib/docker rw - zfs tank/docker rw,xattr
226 26 0:44 / /srv rw - zfs data/srv rw,xattr
`);

test('adopted volumes go below what is configured, the data root, or the pool', () => {
  const sources = { configured: null, dataRoot: '/var/lib/docker', mounts: MOUNTS };
  assert.is(parentIn('tank', sources), 'tank/docker/cowherd');
  assert.is(parentIn('data', sources), 'data/cowherd');
  assert.is(parentIn('tank', { ...sources, dataRoot: null }), 'tank/cowherd');
  assert.is(parentIn('tank', { ...sources, configured: 'tank/agents' }), 'tank/agents');
  assert.is(parentIn('data', { ...sources, configured: 'tank/agents' }), 'data/cowherd');
});

test('a mount point is kept without the altroot of its pool', () => {
  assert.is(withoutAltroot('/mnt/rescue/srv/x', '/mnt/rescue'), '/srv/x');
  assert.is(withoutAltroot('/mnt/rescue', '/mnt/rescue'), '/');
  assert.is(withoutAltroot('/mnt/rescued/x', '/mnt/rescue'), '/mnt/rescued/x');
  assert.is(withoutAltroot('legacy', '/mnt/rescue'), 'legacy');
  assert.is(withoutAltroot('/srv/x', null), '/srv/x');
});

test('what OpenZFS says decides the code', () => {
  const codeOf = (stderr: string): string => {
    const error = told(new CowherdError('TOOL_FAILED', stderr, { details: { stderr } }));
    return error instanceof CowherdError ? error.code : 'none';
  };
  assert.is(codeOf("cannot create snapshot 'a@b': out of space"), 'NO_SPACE');
  assert.is(codeOf("cannot open 'tank/x': dataset does not exist"), 'IO_ERROR');
  assert.is(codeOf("cannot unmount '/x': pool or dataset is busy"), 'IO_ERROR');
  assert.is(codeOf("cannot mount '/x': encryption key not loaded"), 'IO_ERROR');
  assert.is(codeOf('cannot open: pool I/O is currently suspended'), 'IO_ERROR');
  assert.is(codeOf("cannot hold 'a@b': permission denied"), 'PERMISSION_DENIED');
  assert.is(codeOf('internal error: out of memory'), 'TOOL_FAILED');
});

test.run();
