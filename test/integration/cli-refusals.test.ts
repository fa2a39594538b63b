import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { listed, refusal, takeOne } from '../support/cycle/commands.ts';
import { startedAt } from '../support/cycle/containers.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

let lab: Lab;
let id: string;

test.before(async () => {
  lab = await startLab({ agents: ['alpha'] });
  id = (await takeOne(lab, 'alpha')).id;
});

test.after(async () => {
  await lab.stop();
});

const MISUSED = [
  [''],
  ['no-such-command'],
  ['snapshot', '--no-such-option'],
  ['snapshot', '--tag', 'novalue'],
  ['--wait', 'soon', 'snapshot'],
  ['rollback'],
  ['rollback', 'alpha', '--health-timeout', 'x'],
  ['adopt'],
  ['prune', 'alpha', '--id', 'alpha@20010101T000000Z'],
  ['retention'],
  ['retention', '--policy', 'dayly=3'],
  ['retention', '--policy', 'last=1', '--now', 'now'],
  ['pin'],
  ['config'],
];

test('misuse: USAGE and 2, with --json as a document, else as two lines on stderr', async () => {
  for (const words of MISUSED) {
    const argv = words.filter(Boolean);
    const said = await refusal(lab, argv);
    assert.equal([said.exitCode, said.code], [2, 'USAGE'], argv.join(' '));
    const plain = await lab.cowherd(argv);
    assert.equal([plain.exitCode, plain.stdout], [2, ''], argv.join(' '));
    assert.match(plain.stderr, /^cowherd: USAGE: .*\nhint: .*\n$/);
  }
});

test('unknown names and ids: 2 before anything starts, the nearest in the hint', async () => {
  const began = await startedAt(lab, 'agent-alpha');
  const points = (await listed(lab)).length;
  for (const words of [
    'snapshot alpha alpa',
    'adopt alpa --yes',
    'snapshots alpa',
    'agents alpa',
  ]) {
    const { exitCode, code, hint } = await refusal(lab, words.split(' '));
    assert.equal([exitCode, code], [2, 'AGENT_UNKNOWN'], words);
    assert.match(hint, 'alpha', words);
  }
  const known = (await listed(lab))[0]?.id ?? '';
  const wrong = known.replace('@2', '@3');
  for (const verb of ['pin', 'unpin', 'prune --yes --id']) {
    const { exitCode, code, hint } = await refusal(lab, [...verb.split(' '), wrong]);
    assert.equal([exitCode, code], [2, 'SNAPSHOT_UNKNOWN'], verb);
    assert.match(hint, known);
  }
  assert.is(await startedAt(lab, 'agent-alpha'), began);
  assert.is((await listed(lab)).length, points);
});

test('a config with mistakes: CONFIG_INVALID and 2, all of them at once', async () => {
  const config = join(lab.root, 'bad.yaml');
  writeFileSync(config, 'hots: x\nquiesce: { maxFreeze: soon }\n');
  for (const args of [['config', 'check'], ['snapshot'], ['agents']]) {
    const { exitCode, code } = await refusal(lab, args, { config });
    assert.equal([exitCode, code], [2, 'CONFIG_INVALID']);
  }
  const { stderr } = await lab.cowherd(['config', 'check'], { config });
  assert.match(stderr, 'hots');
  assert.match(stderr, 'maxFreeze');
  const missing = await refusal(lab, ['agents'], { config: '/no/such/file.yaml' });
  assert.equal([missing.exitCode, missing.code], [2, 'CONFIG_INVALID']);
});

test('who is frozen is thawed also where the config is no good', async () => {
  const config = lab.writeConfig('unthawed', { retention: { lst: 3 } });
  const { exitCode, stderr, stdout } = await lab.cowherd(['thaw', '--json'], { config });
  assert.equal([exitCode, JSON.parse(stdout)], [0, { results: [], failures: [] }], stderr);
  assert.match(stderr, 'CONFIG_INVALID');
});

test('Docker unreachable: 1', async () => {
  const config = lab.writeConfig('nobody', { docker: { socket: join(lab.root, 'nobody.sock') } });
  const commands = ['agents', 'snapshot', 'snapshots', 'adopt alpha --yes', 'rollback alpha --yes'];
  for (const words of [...commands, 'recover', `pin ${id}`]) {
    const { exitCode, code } = await refusal(lab, words.split(' '), { config });
    assert.equal([exitCode, code], [1, 'DOCKER_UNREACHABLE'], words);
  }
  const thaw = await lab.cowherd(['thaw', '--json'], { config });
  assert.is(thaw.exitCode, 0);
});

test('an agent that is named and another that fails: the exit status says partly', async () => {
  await lab.docker(['volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', 'memory']);
  const both = await lab.cowherd<{ failures: { code: string }[] }>([
    ...['snapshot', 'alpha', 'memory', '--json'],
  ]);
  assert.equal([both.exitCode, both.json.failures[0]?.code], [3, 'TIER_UNSUPPORTED']);
  const all = await lab.cowherd<{ skipped: { volume: string }[] }>(['snapshot', '--json']);
  assert.equal([all.exitCode, all.json.skipped.map(({ volume }) => volume)], [0, ['memory']]);
  await lab.docker(['volume', 'rm', 'memory']);
});

test.run();
