import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { createMetrics } from '../../../src/daemon/metrics.ts';
import { finding } from '../../../src/usecases/finding.ts';
import type { AgentStatus, StatusDocument } from '../../../src/usecases/status.ts';

const agent = (name: string, over: Partial<AgentStatus> = {}): AgentStatus => ({
  name,
  lastSnapshot: null,
  lastSnapshotAt: null,
  ageMs: null,
  restorePoints: 0,
  pinned: 0,
  protected: true,
  grade: null,
  ...over,
});

async function metricsOf(over: Partial<StatusDocument>): Promise<string> {
  const status = { findings: [], agents: [], filesystems: [], runs: [], ...over };
  return (await createMetrics()).text({ status, runs: [], version: '0' });
}

const valuesOf = (text: string, name: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith(`cowherd_${name}{`));

test('agents, findings and filesystems', async () => {
  const text = await metricsOf({
    agents: [
      agent('alpha', { lastSnapshotAt: '2026-11-22T11:05:03.500Z', restorePoints: 7 }),
      agent('beta'),
    ],
    findings: [
      finding('LOW_SPACE', 'error', { message: 'm' }),
      finding('NOT_ISOLATED', 'info', { message: 'm' }),
      finding('NOT_ISOLATED', 'info', { message: 'm' }),
    ],
    filesystems: [{ id: 'u', freeBytes: 5, sizeBytes: 10 }],
  });
  assert.equal(valuesOf(text, 'last_snapshot_timestamp_seconds'), [
    'cowherd_last_snapshot_timestamp_seconds{agent="alpha"} 1795345503.5',
  ]);
  assert.equal(valuesOf(text, 'restore_points'), [
    'cowherd_restore_points{agent="alpha"} 7',
    'cowherd_restore_points{agent="beta"} 0',
  ]);
  assert.equal(valuesOf(text, 'findings'), [
    'cowherd_findings{severity="error"} 1',
    'cowherd_findings{severity="warn"} 0',
    'cowherd_findings{severity="info"} 2',
  ]);
  assert.equal(valuesOf(text, 'filesystem_free_bytes'), [
    'cowherd_filesystem_free_bytes{filesystem="u"} 5',
  ]);
  assert.equal(valuesOf(text, 'filesystem_size_bytes'), [
    'cowherd_filesystem_size_bytes{filesystem="u"} 10',
  ]);
});

test('what has not been measured has no value, and no 0 that would be one', async () => {
  const text = await metricsOf({});
  const named = text.split('\n').filter((line) => line.startsWith('cowherd_'));
  assert.equal(named, [
    'cowherd_build_info{version="0"} 1',
    'cowherd_agents 0',
    'cowherd_findings{severity="error"} 0',
    'cowherd_findings{severity="warn"} 0',
    'cowherd_findings{severity="info"} 0',
  ]);
});

test('the first thousand agents by name have values of their own, all are counted', async () => {
  const agents = Array.from({ length: 1003 }, (_, nth) =>
    agent(`a${String(1002 - nth).padStart(4, '0')}`, { lastSnapshotAt: '2026-11-22T11:05:03Z' }),
  );
  const text = await metricsOf({ agents });
  for (const name of ['restore_points', 'last_snapshot_timestamp_seconds']) {
    const values = valuesOf(text, name);
    assert.is(values.length, 1000);
    assert.match(values.at(-1) ?? '', '"a0999"');
  }
  assert.match(text, /^cowherd_agents 1003$/m);
});

test('two of them in one process do not meet', async () => {
  const [one, two] = await Promise.all([createMetrics(), createMetrics()]);
  const measured = { status: { findings: [], agents: [], filesystems: [], runs: [] }, runs: [] };
  const texts = await Promise.all([
    one.text({ ...measured, version: '1' }),
    two.text({ ...measured, version: '2' }),
    one.text({ ...measured, version: '3' }),
  ]);
  assert.equal(
    texts.map((text) => /build_info\{version="(\d)"/.exec(text)?.[1]),
    ['1', '2', '3'],
  );
});

test.run();
