import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import { planAgent } from '../../../src/usecases/agent-plan.ts';
import type { Context } from '../../../src/usecases/context.ts';
import type { RestorePoint } from '../../../src/usecases/restore-points.ts';
import { restorePoint } from '../../support/placed.ts';

const config = await parseConfig(
  [
    'timezone: Pacific/Auckland',
    'retention: { daily: 2, minimum: 0 }',
    'policies: [{ agents: ["scratch-*"], retention: { last: 1, tags: [[keep=yes]] } }]',
  ].join('\n'),
  { file: 'c.yaml', hostname: 'box' },
);
const context = { config, now: () => new Date('2026-11-22T12:00:00Z') } as unknown as Context;

function reasons(agent: string, points: readonly RestorePoint[]): Record<string, string> {
  const { keep, destroy } = planAgent(context, {
    agent,
    points,
    host: { agents: [] },
    force: false,
  });
  return Object.fromEntries([
    ...keep.map(({ candidate, reasons: why }) => [
      candidate.point.manifest.createdAt,
      why.join(' '),
    ]),
    ...destroy.map(({ point }) => [point.manifest.createdAt, '']),
  ]);
}

test('days are those of the configured time zone', () => {
  const points = ['2026-11-22T11:30:00.000Z', '2026-11-22T10:30:00.000Z'].map((createdAt) =>
    restorePoint('alpha', [], { createdAt }),
  );
  assert.equal(reasons('alpha', points), {
    '2026-11-22T11:30:00.000Z': 'daily newest',
    '2026-11-22T10:30:00.000Z': 'daily',
  });
});

test('the first policy that matches the agent holds, with its tags', () => {
  const points = [
    restorePoint('scratch-1', [], { createdAt: '2026-11-22T11:30:00.000Z' }),
    restorePoint('scratch-1', [], { createdAt: '2026-11-20T11:30:00.000Z' }),
    restorePoint('scratch-1', [], {
      ...{ createdAt: '2026-11-19T11:30:00.000Z', tags: { keep: 'yes', by: 'me' } },
    }),
  ];
  assert.equal(reasons('scratch-1', points), {
    '2026-11-22T11:30:00.000Z': 'last newest',
    '2026-11-20T11:30:00.000Z': '',
    '2026-11-19T11:30:00.000Z': 'tags',
  });
});

test.run();
