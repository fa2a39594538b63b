import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { requireLab } from '../support/lab/available.ts';
import { labNames } from '../support/lab/record.ts';
import { run } from '../support/lab/run.ts';
import { stopLab } from '../support/lab/stop.ts';

requireLab();

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The commands of the block that README.md marks for us, as a reader would paste them. */
function walk(): string[] {
  const block = /<!-- walk:.*-->\n```sh\n([\s\S]*?)```/.exec(README)?.[1];
  if (block === undefined) throw new Error('README.md has no block for this test');
  return block.trim().split('\n');
}

/** What each command of one shell printed, and its exit status. */
async function inOneShell(commands: readonly string[]): Promise<readonly string[]> {
  const script = commands.map((line) => `${line}\necho "[exit $?]"`).join('\n');
  const { stdout } = await run(['bash', '-c', `exec 2>&1\n${script}`], { cwd: ROOT });
  return stdout.split(/(?<=\[exit \d+\]\n)/);
}

/** Labs that were there before, which are somebody else's. */
const others = labNames();

test.after(async () => {
  for (const name of labNames().filter((one) => !others.includes(one))) await stopLab(name);
});

test('the first steps do what README.md says, from nothing to a rolled-back agent', async () => {
  const commands = walk();
  const said = await inOneShell(commands);
  const at = (part: string): string => {
    const index = commands.findIndex((command) => command.includes(part));
    return said[index] ?? `nothing for ${part}`;
  };
  for (const [index, command] of commands.entries()) {
    const expected = command.includes('doctor') ? '[exit 6]' : '[exit 0]';
    assert.ok(said[index]?.endsWith(`${expected}\n`), `${command}\n${said[index] ?? ''}`);
  }
  assert.match(at('adopt alpha'), /^alpha: adopted$/m);
  assert.match(at('cowherd snapshot '), /^alpha@\S+ +checkpointed [\s\S]*^beta@/m);
  assert.match(at('rollback alpha'), /^alpha rolled back to alpha@[\s\S]*it is running/m);
  assert.match(at('integrity_check'), /^ok$/m);
  assert.match(at('snapshots alpha'), / safety$/m);
  assert.equal(labNames(), others);
});

test('the table of commands has every command there is', () => {
  const main = join(ROOT, 'src/main.ts');
  const { stdout } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
  const section = stdout.split('Commands:')[1]?.split('Example:')[0] ?? '';
  const commands = [...section.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
  assert.ok(commands.length > 10, stdout);
  const table = README.split('## Commands')[1]?.split('\n## ')[0] ?? '';
  const missing = commands.filter((name) => name !== 'help' && !table.includes(`\`${name}`));
  assert.equal(missing, []);
});

test.run();
