import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import { policyFor } from '../../../src/config/policy.ts';

const config = await parseConfig(
  `
retention: { last: 8, within: 1d, minimum: 5 }
quiesce: { maxFreeze: 1s, sqlite: { mode: truncate, busyTimeout: 1s }, hooks: [{ pre: [a] }] }
policies:
  - { agents: ["scratch-*"], retention: { hourly: 2 }, quiesce: { freeze: none, sqlite: { enabled: false } } }
  - { agents: ["scratch-1", quiet], retention: { minimum: 0 }, quiesce: { hooks: [] } }
`,
  { file: 'c.yaml', hostname: 'box' },
);

test('an agent without a policy has what the config says', () => {
  assert.is(policyFor(config, 'alpha').retention, config.retention);
  assert.is(policyFor(config, 'alpha').quiesce, config.quiesce);
});

test('the counts, durations and tags of a policy replace all of the config’s, the rest merges', () => {
  assert.equal(policyFor(config, 'scratch-1').retention, {
    ...config.retention,
    rules: { counts: { hourly: 2 }, within: {}, tags: [] },
  });
});

test('a policy without rules keeps those of the config', () => {
  const { retention, quiesce } = policyFor(config, 'quiet');
  assert.equal(retention, { ...config.retention, minimum: 0 });
  assert.equal(quiesce, { ...config.quiesce, hooks: [] });
});

test('quiescing merges key by key', () => {
  assert.equal(policyFor(config, 'scratch-1').quiesce, {
    ...config.quiesce,
    freeze: 'none',
    sqlite: { enabled: false, mode: 'truncate', busyTimeoutMs: 1000 },
  });
});

test.run();
