import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { arm } from '../../../src/exec/armed.ts';
import { hold } from '../../../src/exec/hold.ts';
import { records } from '../../../src/exec/records.ts';
import { runTail } from '../../../src/exec/run-tail.ts';
import { run } from '../../../src/exec/run.ts';
import { spawnOwn } from '../../../src/exec/spawn-own.ts';

const test = suite<{ directory: string; held: number }>('environment of children');

const CANARY = 'COWHERD_TEST_CANARY';
/** All that a tool is given. */
const WANTED = ['LC_ALL', 'PATH'];
const ENVIRON = '/proc/self/environ';
/** The environment, and what descriptors beyond the first three lead to. */
const TELL = `cat ${ENVIRON}; for fd in 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$fd; done; true`;

test.before((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'cowherd-environment-'));
  process.env[CANARY] = 'secret';
  writeFileSync(join(context.directory, 'held'), '');
  context.held = openSync(join(context.directory, 'held'), 'r');
});
test.after(({ directory }) => {
  Reflect.deleteProperty(process.env, CANARY);
  rmSync(directory, { recursive: true });
});

/** Names in the text of an environment, without what a shell adds for itself. */
function names(environ: string): readonly string[] {
  const entries = environ.split('\0').filter((entry) => /^\w+=/.test(entry));
  const all = entries.map((entry) => entry.slice(0, entry.indexOf('=')));
  return all.filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name)).sort();
}

function expectNothing(said: string, wanted = WANTED): void {
  assert.equal(names(said), wanted);
  assert.not.match(said, /secret|cowherd-environment/);
}

test('the canary is in ours', async () => {
  assert.is(process.env[CANARY], 'secret');
});

test('a tool sees a safe PATH and the C locale, and no descriptor of ours', async () => {
  expectNothing((await run('sh', ['-c', TELL])).stdout);
  expectNothing((await run('sh', ['-c', TELL], { diesWithUs: true })).stdout);
});

test('so does one whose output is read record by record', async () => {
  const said: string[] = [];
  for await (const record of records('cat', [ENVIRON])) said.push(record.toString());
  expectNothing(`${said.join('\0')}\0`);
});

test('so does one that is held', async () => {
  const held = await hold('cat', [], { cwd: '/' });
  try {
    expectNothing(readFileSync(`/proc/${held.pid}/environ`, 'latin1'));
  } finally {
    await held.release();
  }
});

test('so does one that waits for its arguments, and what it starts', async ({ directory }) => {
  const [own, parents] = [join(directory, 'own'), join(directory, 'parents')];
  const script = 'cat /proc/$$/environ >"$1"; cat /proc/$PPID/environ >"$2"';
  const options = { file: 'sh', args: ['-c', script, 'sh'], groupSize: 2, groups: 1 };
  const armed = await arm(options);
  await armed.fire([[own, parents]], new AbortController().signal);
  for (const file of [own, parents]) expectNothing(readFileSync(file, 'latin1'));
});

test('a hook on the host is told what it is about, and nothing else', async () => {
  const told = { COWHERD_AGENT: 'alpha', COWHERD_PHASE: 'pre' };
  const { output } = await runTail('sh', ['-c', TELL], { timeoutMs: 60_000, env: told });
  expectNothing(output, ['COWHERD_AGENT', 'COWHERD_PHASE', ...WANTED]);
});

test('so does a program of our own', async ({ directory }) => {
  const entry = join(directory, 'entry.mjs');
  const lines = [
    "import { readFileSync } from 'node:fs';",
    `process.stdout.write(readFileSync('${ENVIRON}'));`,
  ];
  writeFileSync(entry, lines.join('\n'));
  const child = spawnOwn(entry);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  child.stdin.end();
  const clock = setInterval(() => undefined, 1_000); // it does not keep our event loop alive
  await once(child, 'close');
  clearInterval(clock);
  expectNothing(said);
});

test.run();
