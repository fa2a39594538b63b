import * as assert from 'uvu/assert';
import { failureOf } from '../../../../src/exec/run.ts';
import type { CowherdError } from '../../../../src/model/errors.ts';
import { toCowherdError } from '../../../../src/model/errors.ts';
import { told } from '../../../../src/storage/zfs/tool.ts';
import { test } from '../../../support/suite.ts';

function failed(file: string, stderr: string, exitCode = 1): CowherdError {
  const failure = { file, args: ['list'], code: undefined, timedOut: false, exitCode, stderr };
  return toCowherdError(told(failureOf(failure)));
}

/** What OpenZFS 2.1 writes: libzfs_util.c and libzfs_sendrecv.c say which errno comes out in which words. */
const BAD = {
  EIO: "cannot open 'tank/a': I/O error",
  'EIO of a listing': 'cannot iterate filesystems: I/O error',
  'EIO of a snapshot': "cannot create snapshot 'tank/a@x': I/O error\nno snapshots were created",
  'EIO of a send': "warning: cannot send 'tank/a@x': Input/output error",
  'ECKSUM by libzfs': "cannot open 'tank/a': insufficient replicas",
  'ECKSUM by strerror': "internal error: cannot mount 'tank/a': Invalid exchange",
  'ENXIO of a pool': "cannot sync 'tank': one or more devices is currently unavailable",
  'no word of its own': "cannot open 'tank': pool is unavailable",
  'beside a name that is not there':
    "cannot open 'tank/b': dataset does not exist\ncannot open 'tank/a': I/O error",
};

for (const [which, stderr] of Object.entries(BAD)) {
  test(`${which} is IO_ERROR, and zpool status says more`, () => {
    const { code, hint, message } = failed('zfs', `${stderr}\n`);
    assert.is(code, 'IO_ERROR', message);
    assert.match(hint, /zpool status/);
    assert.match(message, stderr.split('\n')[0] ?? '');
  });
}

test('a suspended pool is IO_ERROR, and says how it goes on', () => {
  const { code, hint } = failed('zfs', "cannot open 'tank/a': pool I/O is currently suspended\n");
  assert.is(code, 'IO_ERROR');
  assert.match(hint, /zpool status/);
  assert.match(hint, /zpool clear/);
});

test('mount(8) and files of a pool whose data cannot be read are IO_ERROR too', () => {
  for (const said of [
    "mount: /run/x: can't read superblock on tank/a.",
    'mount: /run/x: mount(2) system call failed: Invalid exchange.',
    "cp: error reading '/run/x/word': Input/output error",
  ]) {
    const { code, hint } = failed('mount', said, 32);
    assert.is(code, 'IO_ERROR', said);
    assert.match(hint, /zpool status/);
  }
  for (const errno of ['EIO', 'Unknown system error -52', 'Unknown system error -53']) {
    const { code, hint } = toCowherdError(Object.assign(new Error('read'), { code: errno }));
    assert.is(code, 'IO_ERROR', errno);
    assert.match(hint, /zpool status/);
  }
});

test('other failures are what they were', () => {
  const codes = {
    "cannot create 'tank/a': out of space": 'NO_SPACE',
    "cannot open 'tank/a': dataset does not exist": 'IO_ERROR',
    "cannot destroy 'tank/a': dataset is busy": 'IO_ERROR',
    "cannot open 'tank/a': permission denied": 'PERMISSION_DENIED',
    "cannot set property for 'tank/a': invalid property 'x'": 'TOOL_FAILED',
  };
  for (const [stderr, code] of Object.entries(codes)) {
    const error = failed('zfs', stderr);
    assert.is(error.code, code, stderr);
    assert.not.match(error.hint, /zpool status/);
  }
});

test.run();
