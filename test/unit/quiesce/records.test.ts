import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseRecord } from '../../../src/quiesce/record-schema.ts';
import {
  isOwnerAlive,
  readRecords,
  removeRecord,
  writeRecord,
} from '../../../src/quiesce/records.ts';
import { thawRecorded } from '../../../src/quiesce/thaw-recorded.ts';

const records = suite<{ root: string; runtimeDir: string }>('freeze records');

records.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'records-'));
  context.runtimeDir = join(context.root, 'cowherd');
});
records.after.each(({ root }) => rmSync(root, { recursive: true }));

const CGROUP = { path: '/sys/fs/cgroup/gone', version: 2 } as const;
const TARGET = { containerId: 'c1', name: 'agent-a', method: 'cgroup', cgroup: CGROUP } as const;
const REST = { socket: null, createdAt: '2026-11-22T11:05:03.123Z', targets: [TARGET] };

records('a record is read as it was written, and its writer is alive', ({ runtimeDir }) => {
  const file = writeRecord({ runtimeDir, id: 'one', ...REST });
  const [stored, ...others] = readRecords(runtimeDir);
  assert.equal(others, []);
  assert.is(stored?.file, file);
  assert.equal(stored?.record?.targets, REST.targets);
  assert.is(stored?.record?.pid, process.pid);
  assert.ok(stored?.record && isOwnerAlive(stored.record));
});

records('records are for root alone', ({ runtimeDir }) => {
  const file = writeRecord({ runtimeDir, id: 'one', ...REST });
  const modes = [runtimeDir, join(runtimeDir, 'frozen'), file].map((path) => statSync(path).mode);
  assert.equal(
    modes.map((mode) => (mode & 0o777).toString(8)),
    ['711', '700', '600'],
  );
});

records('without a directory there are no records', ({ runtimeDir }) => {
  assert.equal(readRecords(runtimeDir), []);
  removeRecord(join(runtimeDir, 'frozen/one.json'));
});

records('another process with the same pid is not the owner', ({ runtimeDir }) => {
  writeRecord({ runtimeDir, id: 'one', ...REST });
  const record = readRecords(runtimeDir)[0]?.record;
  assert.ok(record && !isOwnerAlive({ ...record, pidStartTime: record.pidStartTime - 1 }));
});

records('a file that is no record is told and left', async ({ runtimeDir }) => {
  const file = writeRecord({ runtimeDir, id: 'one', ...REST });
  writeFileSync(file, '{"pid":1');
  const report = await thawRecorded({ runtimeDir, liveOwners: 'too', port: null });
  assert.equal(report, { results: [], unreadable: [file] });
});

records('a container that is gone is not frozen, and its record goes', async ({ runtimeDir }) => {
  const file = writeRecord({ runtimeDir, id: 'one', ...REST });
  const dead = { ...readRecords(runtimeDir)[0]?.record, pidStartTime: 1 };
  writeFileSync(file, JSON.stringify(dead));
  const { results } = await thawRecorded({ runtimeDir, liveOwners: 'skip', port: null });
  assert.equal(results, [{ containerId: 'c1', name: 'agent-a', outcome: 'not-frozen' }]);
  assert.equal(readRecords(runtimeDir), []);
});

records('a cgroup path that is not absolute makes no record', () => {
  const record = { pid: 1, pidStartTime: 1, ...REST };
  assert.ok(parseRecord(JSON.stringify(record)));
  const targets = [{ ...TARGET, cgroup: { path: 'relative', version: 2 } }];
  assert.is(parseRecord(JSON.stringify({ ...record, targets })), null);
});

records.run();
