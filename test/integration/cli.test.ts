import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { takeOne } from '../support/cycle/commands.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { run } from '../support/lab/run.ts';

requireLab();

let lab: Lab;
let id: string;

test.before(async () => {
  lab = await startLab({ agents: ['alpha', 'beta'] });
  id = (await takeOne(lab, 'alpha')).id;
});

test.after(async () => {
  await lab.stop();
});

/** Every command that works on this host as it is, the document's keys, and its exit status. */
const COMMANDS: readonly (readonly [args: string, keys: readonly string[], status: number])[] = [
  ['agents', ['agents', 'failures'], 0],
  ['agents alpha', ['agents', 'failures'], 0],
  ['agents zz*', ['agents', 'failures'], 0],
  ['snapshot --dry-run', ['failures', 'plan'], 0],
  ['snapshot alpha --tag a=b', ['failures', 'skipped', 'snapshots'], 0],
  ['snapshot', ['failures', 'skipped', 'snapshots'], 0],
  ['snapshot zz*', ['failures', 'skipped', 'snapshots'], 0],
  ['snapshots', ['failures', 'snapshots'], 0],
  ['snapshots beta', ['failures', 'snapshots'], 0],
  ['pin ID', ['failures', 'results'], 0],
  ['unpin ID', ['failures', 'results'], 0],
  ['prune --id ID --dry-run', ['destroy', 'failures', 'frees', 'keep'], 0],
  ['prune --dry-run', ['destroy', 'failures', 'frees', 'keep'], 0],
  ['prune beta', ['destroy', 'failures', 'keep'], 0],
  ['prune zz*', ['destroy', 'failures', 'keep'], 0],
  ['retention --policy last=1', ['destroy', 'failures', 'keep'], 0],
  ['adopt alpha --dry-run', ['failures', 'plan'], 0],
  ['adopt alpha --yes', ['failures', 'results'], 0],
  ['adopt zz* --yes', ['failures', 'results'], 0],
  ['unadopt alpha --dry-run', ['failures', 'plan'], 0],
  ['rollback alpha --dry-run', ['failures', 'plan'], 0],
  [
    'rollback alpha --yes --health-timeout 1s',
    ['agent', 'agentState', 'downMs', 'failures', 'outcome', 'safety', 'snapshot', 'swapMs'],
    0,
  ],
  ['unadopt alpha --yes', ['failures', 'results'], 0],
  ['prune --id ID --yes', ['destroy', 'failures', 'keep'], 0],
  ['thaw', ['failures', 'results'], 0],
  ['recover', ['failures', 'results'], 0],
  ['config check', ['failures', 'results'], 0],
];

for (const [args, keys, status] of COMMANDS) {
  test(`--json ${args}: one document, nothing else on stdout`, async () => {
    const argv = args.split(' ').map((word) => (word === 'ID' ? id : word));
    const result = await lab.cowherd<object>([...argv, '--json']);
    assert.is(result.exitCode, status, `${result.stdout}\n${result.stderr}`);
    assert.equal(Object.keys(result.json).sort(), keys);
  });
}

test('--config - is what comes in by stdin, and mistakes in it are named', async () => {
  const show = ['--config', '-', '--json', 'config', 'show'];
  const { json } = await lab.cowherd<{ host: string }>(show, { input: 'host: typed\n' });
  assert.is(json.host, 'typed');
  const { exitCode, stdout } = await lab.cowherd(show, { input: 'host: typed\nhots: x\n' });
  assert.is(exitCode, 2);
  assert.match(stdout, /-:2:1: /);
});

test('--json doctor, status, config show and config schema: one document as well', async () => {
  for (const args of [['doctor'], ['status'], ['config', 'show'], ['config', 'schema']]) {
    const result = await lab.cowherd<object>([...args, '--json']);
    assert.ok([0, 6].includes(result.exitCode), result.stderr);
    assert.ok(Object.keys(result.json).length > 0);
  }
});

test('without --json every reading command has something to say, and says no JSON', async () => {
  const commands = ['agents', 'snapshots', 'status', 'doctor', 'config check', 'thaw', 'recover'];
  for (const args of commands) {
    const { stdout, exitCode } = await lab.cowherd(args.split(' '));
    assert.ok([0, 6].includes(exitCode), args);
    assert.ok(stdout.trim().length > 0 && !stdout.startsWith('{'), args);
  }
});

test('--version and --help', async () => {
  const { version } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { version: string };
  const said = await lab.cowherd(['--version']);
  assert.equal([said.exitCode, said.stdout], [0, `${version}\n`]);
  for (const command of ['snapshot', 'rollback', 'adopt', 'prune', 'config check']) {
    const help = await lab.cowherd([...command.split(' '), '--help']);
    assert.is(help.exitCode, 0);
    assert.match(help.stdout, 'Example:');
  }
});

test('a reader that closes the pipe early does not make it fail loudly', async () => {
  const main = join(import.meta.dirname, '../../src/main.ts');
  const line = `"$0" "$1" config schema | head -c 10 >/dev/null; echo \${PIPESTATUS[0]}`;
  const env = { COWHERD_CONFIG: lab.config };
  const { stdout, stderr } = await run(['bash', '-c', line, process.execPath, main], { env });
  assert.ok(['0', '141'].includes(stdout.trim()), stdout);
  assert.is(stderr, '');
});

test.run();
