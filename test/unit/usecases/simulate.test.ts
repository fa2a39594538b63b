import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import { parsePolicy } from '../../../src/model/policy-text.ts';
import { retentionSchema } from '../../../src/usecases/document-schema.ts';
import { simulate, type Simulation } from '../../../src/usecases/simulate.ts';

const given = (text: string, over: Partial<Simulation> = {}): Simulation => ({
  ...{ text, policy: parsePolicy('daily=2'), nowMs: Date.parse('2026-11-22T12:00:00Z') },
  ...{ timezone: 'UTC', ...over },
});

function codeOf(simulation: Simulation): string {
  try {
    simulate(simulation);
    return 'accepted';
  } catch (error) {
    if (error instanceof CowherdError && error.hint !== '') return error.code;
    throw error;
  }
}

test('each time is a snapshot, called as it was given, newest first', () => {
  const text = '2026-11-21T10:00:00Z\r\n2026-11-22T01:00:00+02:00\n\n2026-11-22T10:00:00.5Z';
  const document = simulate(given(text));
  assert.equal(document, {
    keep: [
      { id: '2026-11-22T10:00:00.5Z', time: '2026-11-22T10:00:00.500Z', reasons: ['daily'] },
      {
        id: '2026-11-22T01:00:00+02:00',
        time: '2026-11-21T23:00:00.000Z',
        reasons: ['daily'],
        until: '2026-11-23T00:00:00.000Z',
      },
    ],
    destroy: [{ id: '2026-11-21T10:00:00Z', time: '2026-11-21T10:00:00.000Z' }],
    failures: [],
  });
  assert.ok(retentionSchema.safeParse(document).success);
});

test('equal times are separate', () => {
  const time = '2026-11-21T10:00:00Z\n';
  const { keep, destroy } = simulate(given(time.repeat(3), { policy: parsePolicy('last=2') }));
  assert.equal([keep.length, destroy.length], [2, 1]);
});

test('no time at all is no mistake', () => {
  assert.equal(simulate(given('\n')), { keep: [], destroy: [], failures: [] });
});

test('what is no time, and no time zone, is misuse', () => {
  assert.is(codeOf(given('2026-11-21T10:00:00Z\nyesterday')), 'USAGE');
  assert.is(codeOf(given('', { timezone: 'Mars/Olympus' })), 'USAGE');
});

test('an end beyond all dates is not told', () => {
  const policy = parsePolicy('within=999999y');
  const [kept] = simulate(given('2026-11-21T10:00:00Z', { policy })).keep;
  assert.equal(kept?.reasons, ['within']);
  assert.not.ok('until' in (kept ?? {}));
});

test.run();
