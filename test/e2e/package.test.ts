import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { requireLab } from '../support/lab/available.ts';
import { UNITS } from '../support/service/unit.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must, run, type RunResult } from '../support/lab/run.ts';

requireLab();

const ROOT = join(import.meta.dirname, '../..');
/** The oldest Node.js that package.json admits. */
const FLOOR = '22.18.0';
const NPM = ['npm', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];

interface Installed {
  directory: string;
  /** Where `npm install --global` puts packages. */
  modules: string;
  node: string;
  /** The installed command, as a shell finds it: by its #! line, with the oldest Node.js first on the PATH. */
  cowherd(args: readonly string[], env?: Record<string, string>): Promise<RunResult>;
}

async function install(directory: string): Promise<Installed> {
  await must([...NPM, 'pack', '--pack-destination', directory], { cwd: ROOT });
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? 'none';
  const prefix = join(directory, 'prefix');
  await must([...NPM, 'install', '--global', '--prefix', prefix, join(directory, tarball)], {
    cwd: directory,
    timeoutMs: 300_000,
  });
  const node = await oldestNode(directory);
  const path = `${join(node, '..')}:${join(prefix, 'bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return {
    directory,
    modules: join(prefix, 'lib/node_modules'),
    node,
    cowherd: (args, env = {}) =>
      run(['cowherd', ...args], { cwd: '/', env: { ...env, PATH: path } }),
  };
}

/** Its binary, from npm's package for this platform. */
async function oldestNode(directory: string): Promise<string> {
  const prefix = join(directory, 'node');
  const name = `node-${process.platform}-${process.arch}`;
  await must([...NPM, 'install', '--ignore-scripts', '--prefix', prefix, `${name}@${FLOOR}`], {
    cwd: directory,
    timeoutMs: 300_000,
  });
  return join(prefix, 'node_modules', name, 'bin/node');
}

const packaged = suite<{ installed: Installed; lab: Lab }>('package');

packaged.before(async (context) => {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'cowherd-package-'));
  context.installed = await install(directory);
  context.lab = await startLab({ agents: [{ name: 'alpha', healthcheck: {} }] });
});
packaged.after(async ({ installed, lab }) => {
  await lab.stop();
  rmSync(installed.directory, { recursive: true });
});

packaged('runs on the oldest Node.js that it admits', async ({ installed }) => {
  assert.is(await must([installed.node, '--version']), `v${FLOOR}`);
  const { stdout, stderr, exitCode } = await installed.cowherd(['--version']);
  assert.equal({ stdout, stderr, exitCode }, { stdout: '0.1.0\n', stderr: '', exitCode: 0 });
});

packaged('holds what it needs and nothing else', ({ installed }) => {
  const top = join(installed.modules, 'cowherd');
  const found = readdirSync(top);
  assert.equal(found.sort(), ['LICENSE', 'README.md', 'config', 'dist', 'package.json']);
  assert.equal(readdirSync(installed.modules), ['cowherd']);
  const about = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as object;
  assert.not.ok('dependencies' in about);
  const units = UNITS.map((name) => `config/${name}`);
  for (const path of ['dist/main.js', 'dist/guard.js', 'dist/read-many.js', ...units])
    assert.ok(existsSync(join(top, path)), path);
  const notices = readFileSync(join(top, 'dist/THIRD-PARTY-NOTICES'), 'utf8');
  for (const name of ['commander', 'dockerode', 'execa', 'yaml', 'zod'])
    assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
});

packaged('every command has help with an example', async ({ installed }) => {
  const { stdout } = await installed.cowherd(['--help']);
  const section = stdout.split('Commands:')[1]?.split('Example:')[0] ?? '';
  const names = [...section.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
  assert.ok(names.length > 10, stdout);
  const commands = names.filter((name) => name !== 'help').map((name) => [name]);
  for (const sub of ['check', 'show', 'schema']) commands.push(['config', sub]);
  for (const words of commands) {
    const help = await installed.cowherd([...words, '--help']);
    assert.is(help.exitCode, 0, words.join(' '));
    assert.match(help.stdout, new RegExp(`^Example:\\n  cowherd .*${words.join(' ')}`, 'm'));
  }
});

packaged('does the main job', async ({ installed, lab }) => {
  const call = async (...args: string[]): Promise<string> => {
    const result = await installed.cowherd(args, { COWHERD_CONFIG: lab.config });
    assert.is(result.exitCode, 0, `${args.join(' ')}\n${result.stdout}\n${result.stderr}`);
    return result.stdout;
  };
  await call('config', 'check');
  await call('adopt', 'alpha', '--yes');
  const { snapshots } = JSON.parse(await call('--json', 'snapshot', 'alpha')) as {
    snapshots: readonly { id: string; grade: string; frozenMs: number }[];
  };
  // Frozen at all: the guard, an entry of its own, was found and had answered.
  assert.is(snapshots[0]?.grade, 'checkpointed');
  assert.ok((snapshots[0]?.frozenMs ?? 0) > 0);
  await lab.docker(['exec', 'agent-alpha', 'sh', '-c', 'echo later > later']);
  const back = JSON.parse(await call('--json', 'rollback', 'alpha', '--yes')) as object;
  assert.is((back as { outcome: string }).outcome, 'rolled-back');
  const later = join(lab.dataRoot, 'volumes/agent-alpha-workspace/_data/later');
  assert.not.ok(existsSync(later));
  const doctor = await installed.cowherd(['doctor'], { COWHERD_CONFIG: lab.config });
  assert.equal([doctor.exitCode, doctor.stderr], [0, '']);
  await call('status');
});

packaged.run();
