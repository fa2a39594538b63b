import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { LocatedProblem } from '../../../src/config/load.ts';
import { configPath, loadConfig, parseConfig } from '../../../src/config/load.ts';
import { CowherdError } from '../../../src/model/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
test.after(() => {
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const parse = (text: string) => parseConfig(text, { file: 'c.yaml', hostname: 'box' });

async function problems(text: string): Promise<readonly LocatedProblem[]> {
  const error = await refused(parse(text));
  return error.details['problems'] as readonly LocatedProblem[];
}

async function refused(loading: Promise<unknown>): Promise<CowherdError> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof CowherdError && error.code === 'CONFIG_INVALID') return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const places = (found: readonly LocatedProblem[]) =>
  found.map(({ line, column, path }) => `${line}:${column} ${path}`);

test('an empty config has every default', async () => {
  const config = await parse('# nothing\n');
  assert.is(config.host, 'box');
  assert.equal(config.docker, { socket: '/var/run/docker.sock' });
  assert.equal(config.agents, { groupBy: 'auto', include: ['*'], exclude: [], paths: [] });
  assert.equal(config.quiesce, {
    sqlite: { enabled: true, mode: 'passive', busyTimeoutMs: 300 },
    freeze: 'auto',
    maxFreezeMs: 3000,
    onFreezeTimeout: 'fail',
    hooks: [],
  });
  assert.equal(config.retention, {
    rules: {
      counts: { last: 8, hourly: 24, daily: 14, weekly: 8, monthly: 12 },
      within: {},
      tags: [],
    },
    minimum: 3,
    maxDestroyRatio: 0.5,
    safetyForMs: 7 * 86_400_000,
  });
  assert.equal(config.limits, { minFree: { kind: 'percent', percent: 10 } });
  assert.is(config.state, '/var/lib/cowherd');
});

test('nobody can change a config, at any depth', async () => {
  const config = await parse('agents: { exclude: [x] }');
  assert.throws(() => {
    (config.agents.exclude as string[]).push('y');
  });
  assert.throws(() => {
    Object.assign(config.quiesce.sqlite, { enabled: false });
  });
});

test('docker none, labels to group by, and JSON are understood', async () => {
  assert.is((await parse('docker: none')).docker, null);
  assert.equal((await parse('agents: {groupBy: {label: team}}')).agents.groupBy, { label: 'team' });
  assert.equal((await parse('agents: {groupBy: "label: team"}')).agents.groupBy, { label: 'team' });
  assert.is((await parse('{"host":"h","docker":{"socket":"/s"}}')).docker?.socket, '/s');
});

test('hooks have their defaults', async () => {
  const { quiesce } = await parse('quiesce: {hooks: [{pre: [sync]}]}');
  assert.equal(quiesce.hooks, [
    { container: true, pre: ['sync'], post: null, timeoutMs: 30_000, onError: 'fail' },
  ]);
});

test('counts, durations and tags replace the built-in rules together', async () => {
  const { retention } = await parse('retention: {within: 2d, tags: [[keep=yes]]}');
  assert.equal(retention.rules.counts, {});
  assert.equal(retention.rules.within, { within: { years: 0, months: 0, days: 2, hours: 0 } });
  assert.equal(retention.rules.tags, [['keep=yes']]);
  assert.is((await parse('retention: {minimum: 1}')).retention.rules.counts.hourly, 24);
});

test('anchors and merge keys are fine', async () => {
  const config = await parse(
    'policies:\n  - &p {agents: [a], retention: {last: 2}}\n  - {<<: *p, agents: [b]}\n',
  );
  assert.is(config.policies[1]?.retention.rules?.counts.last, 2);
});

test('every problem is told at once, with its line and column', async () => {
  const found = await problems(
    [
      'timezon: UTC',
      'docker:',
      '  sockt: /s',
      'quiesce:',
      '  maxFreeze: 3',
      '  hooks:',
      '    - container: 3',
      '      pre: []',
      'retention: { last: 0 }',
      'agents:',
      '  paths: [{ agent: a, path: x }]',
    ].join('\n'),
  );
  assert.equal(places(found), [
    '1:1 timezon',
    '3:3 docker.sockt',
    '5:3 quiesce.maxFreeze',
    '7:7 quiesce.hooks[0].container',
    '8:7 quiesce.hooks[0].pre',
    '9:1 retention',
    '11:23 agents.paths[0].path',
  ]);
  assert.match(found[0]?.message ?? '', 'timezone');
  assert.match(found[1]?.message ?? '', 'socket');
});

test('rules that keep nothing have a code of their own, where nothing else is wrong', async () => {
  const codeOf = async (text: string) => {
    try {
      await parse(text);
      return 'accepted';
    } catch (error) {
      return error instanceof CowherdError ? error.code : String(error);
    }
  };
  assert.is(await codeOf('retention: { last: 0 }'), 'POLICY_EMPTY');
  assert.is(await codeOf('policies: [{ agents: [a], retention: { daily: 0 } }]'), 'POLICY_EMPTY');
  assert.is(await codeOf('retention: { last: 0 }\nhots: x'), 'CONFIG_INVALID');
});

test('the message has a line for each problem', async () => {
  const error = await refused(parse('a: 1\nb: 2\n'));
  assert.match(error.message, /^c\.yaml:1:1: a: .*\nc\.yaml:2:1: b: .*$/);
});

test('what is not YAML is told where it stands', async () => {
  assert.equal(places(await problems('host: a\nhost: b\n')), ['2:1 ']);
  assert.is((await problems('agents:\n\tinclude: []\n'))[0]?.line, 2);
  assert.is((await problems('host: !secret x\n')).length, 1);
  assert.is((await problems('host: a\n---\nhost: b\n')).length > 0, true);
  assert.ok((await problems('host: [')).length > 0);
});

test('a text that is no map, or a bomb of aliases, is refused', async () => {
  assert.ok((await problems('- a')).length > 0);
  assert.ok((await problems('just text')).length > 0);
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((key, at) => {
      const below = 'abcdefgh'[at] ?? '';
      return `${key}: &${key} [${`*${below},`.repeat(9).slice(0, -1)}]`;
    }),
  ];
  assert.ok((await problems(bomb.join('\n'))).length > 0);
});

test('rules between keys are checked', async () => {
  assert.equal(places(await problems('api: {listen: "0.0.0.0:80"}')), ['1:7 api.listen']);
  assert.is(
    (
      await problems(
        'schedules: [{name: a, cron: "@daily", run: [prune]}, {name: a, cron: "@hourly", run: [prune]}]',
      )
    ).length,
    1,
  );
  const cron = 'schedules: [{name: a, cron: 61 * * * *, run: [prune]}]';
  assert.equal(places(await problems(cron)), ['1:23 schedules[0].cron']);
  const nested = await problems(
    'agents: {paths: [{agent: a, path: /srv}, {agent: b, path: /srv/x/}]}',
  );
  assert.equal(
    nested.map(({ path }) => path),
    ['agents.paths[1].path'],
  );
  assert.is((await problems('destinations: [x]')).length, 1);
});

test('secrets must exist and be their owner’s alone, and are told with everything else', async () => {
  const good = file('good', 'x');
  const open = file('open', 'x', 0o640);
  const found = await problems(
    `api:\n  tokens:\n    read: ${open}\n    operate: ${directory}/missing\nnonsense: 1\n`,
  );
  assert.equal(places(found), ['3:5 api.tokens.read', '4:5 api.tokens.operate', '5:1 nonsense']);
  const config = await parse(`api: {listen: "[::1]:80", tokens: {read: ${good}}}`);
  assert.is(config.api.tokens.read, good);
  assert.is((await problems(`api: {tokens: {read: ${good}, operate: ${good}}}`)).length, 1);
});

test('--config comes before $COWHERD_CONFIG, and both must exist', async () => {
  const one = file('one.yaml', 'host: one');
  const two = file('two.yaml', 'host: two');
  const env = { COWHERD_CONFIG: two };
  const load = (named: string | undefined, from: Record<string, string>) =>
    loadConfig({ file: named, env: from, hostname: 'box' });
  assert.is((await load(one, env)).host, 'one');
  assert.is((await load(undefined, env)).host, 'two');
  await refused(load(`${directory}/none.yaml`, env));
  await refused(load(undefined, { COWHERD_CONFIG: `${directory}/none.yaml` }));
  await refused(load('', {}));
  assert.is(await configPath({ file: one, env }), one);
});

test.run();
