import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import * as schema from '../../../src/usecases/document-schema.ts';

// The examples of the contract with its ellipses filled in.

const snapshot = {
  id: 'alpha@20261122T110503Z',
  agent: 'alpha',
  createdAt: '2026-11-22T11:05:03.123Z',
  grade: 'checkpointed',
  atRest: false,
  frozenMs: 4.1,
  pinned: false,
  safety: false,
  tags: {},
  volumes: [{ name: 'agent-alpha-workspace', tier: 'btrfs', guid: 'g', location: '/x' }],
  sqlite: [
    {
      volume: 'agent-alpha-workspace',
      path: 'data/agent.db',
      mode: 'passive',
      busy: 0,
      log: 4,
      checkpointed: 4,
    },
  ],
};

const EXAMPLES = {
  agents: [
    schema.agentsSchema,
    {
      agents: [
        {
          name: 'alpha',
          containers: [{ id: 'c', name: 'agent-alpha', state: 'running' }],
          volumes: [
            {
              name: 'agent-alpha-workspace',
              role: 'workspace',
              mountpoint: '/var/lib/docker/volumes/agent-alpha-workspace/_data',
              filesystem: 'btrfs',
              tier: 'btrfs',
              isolated: true,
              dataset: '/d',
              users: ['agent-alpha'],
            },
          ],
          lastSnapshot: 'alpha@20261122T110503Z',
        },
      ],
    },
  ],
  snapshot: [
    schema.snapshotReportSchema,
    {
      snapshots: [snapshot],
      skipped: [{ agent: 'alpha', volume: 'v', code: 'TIER_UNSUPPORTED', message: 'm' }],
      failures: [{ agent: 'beta', code: 'DOCKER_UNREACHABLE', message: 'm', hint: 'h' }],
    },
  ],
  snapshots: [schema.snapshotsSchema, { snapshots: [snapshot] }],
  rollback: [
    schema.rollbackSchema,
    {
      agent: 'alpha',
      snapshot: 'alpha@20261122T110503Z',
      safety: 'alpha@20261122T110503Z-1',
      outcome: 'rolled-back',
      agentState: 'running',
      downMs: 812,
      swapMs: 9,
      failures: [],
    },
  ],
  results: [
    schema.resultsSchema,
    { results: [{ agent: 'alpha', outcome: 'adopted' }], failures: [] },
  ],
  plan: [
    schema.planSchema,
    { plan: [{ step: 'snapshot', agent: 'alpha', text: 't' }], failures: [] },
  ],
  findings: [
    schema.findingsSchema,
    {
      findings: [
        {
          code: 'NOT_ISOLATED',
          severity: 'info',
          agent: 'alpha',
          volume: 'v',
          message: 'm',
          mend: 'cowherd adopt alpha',
        },
      ],
      agents: [],
    },
  ],
  prune: [
    schema.pruneSchema,
    {
      keep: [
        {
          id: 'alpha@20261122T110503Z',
          time: '2026-11-22T11:05:03.123Z',
          reasons: ['daily', 'pinned', 'base:box2'],
        },
      ],
      destroy: [{ id: 'alpha@20261121T110503Z', time: '2026-11-21T11:05:03Z' }],
      failures: [],
    },
  ],
  retention: [
    schema.retentionSchema,
    {
      keep: [
        {
          id: '2026-11-22T12:05:03+01:00',
          time: '2026-11-22T11:05:03.000Z',
          reasons: ['daily'],
          until: '2026-12-06T00:00:00.000Z',
        },
      ],
      destroy: [{ id: '2026-11-21T11:05:03Z', time: '2026-11-21T11:05:03.000Z' }],
      failures: [],
    },
  ],
  error: [
    schema.errorSchema,
    { error: { code: 'AGENT_UNKNOWN', message: 'm', hint: 'h', details: {} } },
  ],
} as const;

for (const [name, [document, example]] of Object.entries(EXAMPLES)) {
  test(`the contract's example of ${name} fits its schema`, () => {
    const parsed = document.safeParse(example);
    assert.is(parsed.success, true, parsed.error?.message);
  });

  test(`a ${name} document that lacks a promised field does not fit`, () => {
    const [first] = Object.keys(example);
    const without = Object.fromEntries(Object.entries(example).filter(([key]) => key !== first));
    assert.is(document.safeParse(without).success, false);
  });
}

test('an unknown error code does not fit', () => {
  const failures = [{ agent: null, code: 'NO_SUCH_CODE', message: 'm', hint: 'h' }];
  assert.is(schema.resultsSchema.safeParse({ results: [], failures }).success, false);
});

test.run();
