import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { writeRecord } from '../../../src/quiesce/records.ts';
import { frozenFindings } from '../../../src/usecases/frozen-findings.ts';

const runtimeDir = mkdtempSync(join(tmpdir(), 'cowherd-frozen-'));
const target = { containerId: 'c1', name: 'agent-alpha', method: 'pause', cgroup: null } as const;

test.after(() => {
  rmSync(runtimeDir, { recursive: true });
});

test('no record, no finding', () => {
  assert.equal(frozenFindings(runtimeDir, []), []);
});

test('what a living run has frozen is its own business, what a dead one left is an error', () => {
  const paused = [{ id: 'c1', state: 'paused' }] as const;
  const record = { socket: null, createdAt: 'now', targets: [target] };
  writeRecord({ runtimeDir, id: 'live', ...record });
  assert.equal(frozenFindings(runtimeDir, paused), []);
  const dead = { pid: 4194303, pidStartTime: 1, ...record };
  writeFileSync(join(runtimeDir, 'frozen/dead.json'), JSON.stringify(dead));
  const [finding, ...more] = frozenFindings(runtimeDir, paused);
  assert.equal(more, []);
  assert.equal([finding?.severity, finding?.mend], ['error', 'cowherd thaw']);
  assert.match(finding?.message ?? '', 'agent-alpha');
  assert.equal(frozenFindings(runtimeDir, [{ id: 'c1', state: 'running' }]), []);
});

test('a record that cannot be read is a warning', () => {
  mkdirSync(join(runtimeDir, 'frozen'), { recursive: true });
  writeFileSync(join(runtimeDir, 'frozen/odd.json'), '{');
  assert.is(frozenFindings(runtimeDir, [])[0]?.severity, 'warn');
});

test.run();
