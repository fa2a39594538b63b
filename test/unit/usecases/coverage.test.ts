import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Placement } from '../../../src/storage/driver.ts';
import { coverageFindings } from '../../../src/usecases/coverage-findings.ts';
import { coverageOf } from '../../../src/usecases/coverage.ts';
import { futureLast } from '../../../src/usecases/restore-points.ts';
import { placedAgent, placement, restorePoint } from '../../support/placed.ts';

function ledger(over: Partial<Placement>, points = [restorePoint('alpha', ['work'])]) {
  const agent = placedAgent('alpha', [placement('work', over)]);
  const [volume] = coverageOf(agent, { points, instant: () => true, blocked: null }).volumes;
  return volume;
}

function codesOf(
  over: Partial<Placement>,
  points = [restorePoint('alpha', ['work'])],
  unread: readonly string[] = [],
) {
  const agent = placedAgent('alpha', [placement('work', over)]);
  const seen = { points, unread: new Set(unread) };
  return coverageFindings(agent, seen).map(({ code, severity }) => `${severity} ${code}`);
}

const noDriver: Partial<Placement> = {
  filesystem: 'zfs',
  tier: 'zfs',
  fsId: '',
  reason: 'this version has no driver for zfs',
};
const nesting: Partial<Placement> = {
  isolated: false,
  nested: [{ path: 'inner', reason: null }],
  reason: 'it holds nested subvolumes',
};

test('an isolated volume in the newest restore point is protected and rolls back at once', () => {
  assert.equal(ledger({}), {
    name: 'work',
    tier: 'btrfs',
    isolated: true,
    protected: true,
    reason: null,
    instantRollback: true,
    missing: null,
    mend: null,
  });
  assert.equal(codesOf({}), []);
});

test('one that is not isolated is protected, and adopting brings the rest', () => {
  const volume = ledger({ isolated: false });
  assert.is(volume?.protected, true);
  assert.is(volume?.missing, 'it is not isolated');
  assert.is(volume?.mend, 'cowherd adopt alpha');
});

test('what was never captured is not protected, and capturing comes before adopting', () => {
  const volume = ledger({ isolated: false }, []);
  assert.is(volume?.reason, 'it was never captured');
  assert.is(volume?.mend, 'cowherd snapshot alpha');
  assert.equal(codesOf({}, []), ['warn NEVER_CAPTURED']);
  const fsId = 'fs';
  assert.equal(codesOf({ fsId }, [], [fsId]), [], 'nobody knows');
});

test('safety snapshots and those of other agents protect nothing', () => {
  const points = [
    restorePoint('alpha', ['work'], { safety: true }),
    restorePoint('beta', ['work']),
  ];
  assert.is(ledger({}, points)?.protected, false);
  assert.equal(codesOf({}, points), ['warn NEVER_CAPTURED']);
});

test('a volume that the newest restore point lacks is not protected', () => {
  const points = [restorePoint('alpha', ['other']), restorePoint('alpha', ['work'])];
  assert.is(ledger({}, points)?.reason, 'the newest restore point does not hold it');
  assert.equal(codesOf({}, points), ['warn NEVER_CAPTURED']);
});

test('a volume that was made again under its name is not the captured one', () => {
  assert.is(ledger({ incarnation: 'another' })?.protected, false);
  assert.equal(codesOf({ incarnation: 'another' }), ['warn NEVER_CAPTURED']);
  assert.is(ledger({ incarnation: null })?.protected, true);
});

test('volumes that no driver can capture are named with the reason', () => {
  assert.is(ledger(noDriver)?.reason, 'this version has no driver for zfs');
  assert.is(ledger(noDriver)?.mend, null);
  assert.equal(codesOf(noDriver, []), ['warn NO_DRIVER']);
  const nfs = { ...noDriver, filesystem: 'nfs4', tier: 'unsupported' } as const;
  assert.equal(codesOf(nfs), ['warn TIER_UNSUPPORTED']);
  assert.equal(codesOf(nesting), ['error NESTED_SUBVOLUMES']);
  assert.is(ledger(nesting)?.instantRollback, false);
});

test('data that is missing is an error, by where it should be', () => {
  const gone = { tier: 'unsupported', filesystem: 'unknown', fsId: '', reason: 'no' } as const;
  assert.equal(codesOf(gone), ['error DATA_MISSING']);
  const listed = placedAgent('alpha', [placement('/srv', gone)], { kind: 'path' });
  assert.is(
    coverageFindings(listed, { points: [], unread: new Set() })[0]?.code,
    'LISTED_PATH_MISSING',
  );
});

test('a mount point and a user that may not be stopped keep a rollback from being instant', () => {
  assert.is(ledger({ notSwappable: 'a mount point' })?.missing, 'a mount point');
  const agent = placedAgent('alpha', [placement('work')]);
  const request = { points: [], instant: () => true, blocked: 'started with --rm' };
  assert.is(coverageOf(agent, request).volumes[0]?.missing, 'started with --rm');
});

test('history counts every restore point and shows the newest that is no safety snapshot', () => {
  const points = [
    restorePoint('alpha', [], { safety: true, createdAt: '2026-11-22T13:00:00.000Z' }),
    restorePoint('alpha', [], { grade: 'crash', createdAt: '2026-11-22T12:00:00.000Z' }),
    restorePoint('alpha', [], { pinned: true }),
    restorePoint('beta', []),
  ];
  const request = { points, instant: () => true, blocked: null };
  const { volumes, ...history } = coverageOf(placedAgent('alpha', []), request);
  assert.equal(volumes, []);
  assert.equal(history, {
    name: 'alpha',
    lastSnapshot: 'alpha@20261122T120000Z',
    lastSnapshotAt: '2026-11-22T12:00:00.000Z',
    grade: 'crash',
    restorePoints: 3,
    pinned: 1,
  });
});

test('one from the future is the newest only where there is no other', () => {
  const now = new Date('2026-11-23T00:00:00Z');
  const ahead = restorePoint('alpha', [], { id: 'alpha@ahead', createdAt: '2031-01-01T00:00:00Z' });
  const past = restorePoint('alpha', ['work'], { id: 'alpha@past' });
  const last = (points: readonly (typeof past)[]) =>
    coverageOf(placedAgent('alpha', []), {
      ...{ points: futureLast(points, now), instant: () => true, blocked: null },
    });
  assert.is(last([ahead, past]).lastSnapshot, 'alpha@past');
  assert.is(last([ahead, past]).restorePoints, 2);
  assert.is(last([ahead]).lastSnapshot, 'alpha@ahead');
});

test.run();
