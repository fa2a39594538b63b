import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseCalendarDuration } from '../../../src/model/durations.ts';
import {
  COUNT_RULES,
  WITHIN_RULES,
  type RetentionPolicy,
} from '../../../src/model/retention-policy.ts';
import { parseTime } from '../../../src/model/rfc3339.ts';
import { apply, survivors } from '../../support/retention/candidates.ts';

// Cases from restic's own tests, which lie beside the checkout where there are some.
const FILE = join(import.meta.dirname, '../../../../shared/vectors/retention.json');

if (!existsSync(FILE)) {
  console.log('SKIP ALL: retention vectors are not beside this checkout');
  process.exit(0);
}

interface Vectors {
  readonly snapshots: readonly { readonly t: string; readonly tags?: readonly string[] }[];
  readonly cases: readonly {
    readonly id: string;
    readonly policy: Readonly<Record<string, unknown>>;
    readonly keep: readonly string[];
  }[];
}

const { snapshots, cases } = JSON.parse(readFileSync(FILE, 'utf8')) as Vectors;

function timeOf(text: string): number {
  const at = parseTime(text);
  if (at === null) throw new Error(`${text} is no time`);
  return at;
}

function policyOf({ tags = [], ...rules }: Readonly<Record<string, unknown>>): RetentionPolicy {
  const given = (names: readonly string[]) => names.filter((name) => name in rules);
  const spans = given(WITHIN_RULES).map((name) => [name, parseCalendarDuration(`${rules[name]}`)]);
  assert.is(given([...COUNT_RULES, ...WITHIN_RULES]).length, Object.keys(rules).length);
  return {
    counts: Object.fromEntries(given(COUNT_RULES).map((name) => [name, rules[name]])),
    within: Object.fromEntries(spans),
    tags: tags as string[][],
  };
}

const all = snapshots.map(({ t, tags = [] }, index) => ({
  ...{ id: String(index), atMs: timeOf(t), tags },
}));
const sorted = (times: readonly number[]) => [...times].sort((a, b) => a - b);

for (const { id, policy, keep } of cases) {
  test(`${id}: ${JSON.stringify(policy)}`, () => {
    const judged = apply(all, { policy: policyOf(policy), now: '2026-11-22T00:00:00Z' });
    assert.is(judged.length, all.length);
    assert.equal(sorted(survivors(judged).map(({ atMs }) => atMs)), sorted(keep.map(timeOf)));
  });
}

test.run();
