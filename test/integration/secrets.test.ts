import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { rolledBack, take } from '../support/cycle/commands.ts';
import { requireTracing } from '../support/hostile/available.ts';
import { programsOf } from '../support/hostile/traced.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { storeOf } from '../support/store.ts';

await requireTracing();

/** One in a file that the config names, one in our own environment, one in a container's. */
const [TOKEN, OWN, THEIRS] = ['token-5d41402a', 'canary-7d793037', 'theirs-2a76b971'];

let lab: Lab;
let options: { config: string; env: Record<string, string> };
let seen: string;

/** Whatever runs now, and has one of them in its arguments or its environment; a test's own processes hold them too. */
const LOOK = `for pid in /proc/[0-9]*; do
  if tr '\\0' '\\n' <$pid/environ | grep -qE "$1" || tr '\\0' '\\n' <$pid/cmdline | grep -qE "$1"; then
    readlink $pid/exe; tr '\\0' ' ' <$pid/cmdline; echo
  fi
done 2>/dev/null >>"$2"; echo looked >>"$2"`;

test.before(async () => {
  lab = await startLab();
  seen = join(lab.root, 'seen');
  await lab.startAgent({ name: 'alpha', env: { API_KEY: THEIRS }, capturable: true });
  const read = join(lab.root, 'read-token');
  writeFileSync(read, TOKEN, { mode: 0o600 });
  // The pattern is no match for itself, since the look's own arguments are looked at too.
  const pattern = [TOKEN, OWN].map((word) => `${word.slice(0, -1)}[${word.slice(-1)}]`).join('|');
  const pre = ['sh', '-c', LOOK, 'sh', pattern, seen];
  const config = lab.writeConfig('secrets', {
    api: { tokens: { read, operate: null } },
    quiesce: { hooks: [{ container: false, pre, post: pre }] },
  });
  options = { config, env: { COWHERD_API_TOKEN: OWN } };
});

test.after(async () => {
  await lab.stop();
});

/** Everything below a directory that is a plain file, but for images of volumes. */
function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/\.(image|nested-\d+)\//.test(name))
    .map((name) => join(directory, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

const SECRET = new RegExp([TOKEN, OWN, THEIRS].join('|'));

test('no child has a secret in its arguments or its environment while an agent is captured', async () => {
  await take(lab, ['alpha'], options);
  const lines = readFileSync(seen, 'utf8').split('\n').filter(Boolean);
  assert.is(lines.filter((line) => line === 'looked').length, 2);
  const others = lines.filter((line) => !/^looked$|\/node$|node .*main\.[jt]s/.test(line));
  assert.equal(others, [], 'none but cowherd itself, which was given one');
  assert.ok(
    lines.some((line) => /main\.[jt]s/.test(line)),
    'the look sees nothing',
  );
});

for (const argv of [
  ['adopt', 'alpha', '--yes'],
  ['snapshot', 'alpha'],
  ['rollback', 'alpha', '--yes', '--health-timeout', '1s'],
]) {
  test(`no program that ${argv[0] ?? ''} starts is given one, guard and fence included`, async () => {
    const { exitCode, stderr, programs } = await programsOf(lab, argv, options);
    assert.is(exitCode, 0, stderr);
    const [ours = '', ...others] = programs;
    assert.match(ours, OWN, 'environments are not seen');
    assert.ok(others.length > 5, 'programs are not seen');
    assert.is(
      others.some((program) => program.includes('guard.')),
      argv[0] === 'snapshot',
    );
    assert.equal(
      others.filter((program) => SECRET.test(program)),
      [],
    );
  });
}

test('none is in what we print or write', async () => {
  await rolledBack(lab, 'alpha', [], options);
  const commands = [
    ...[['config', 'show'], ['config', 'check', '--json'], ['doctor', '--json'], ['status']],
    ...[
      ['agents', '--json'],
      ['snapshots', '--json'],
      ['rollback', 'alpha', '--dry-run', '--json'],
    ],
  ];
  for (const argv of commands) {
    const { stdout, stderr } = await lab.cowherd([...argv, '--verbose'], options);
    assert.not.match(stdout + stderr, SECRET, argv.join(' '));
  }
  const written = [storeOf(lab), lab.state, '/run/cowherd/frozen', '/run/cowherd/locks'].flatMap(
    filesIn,
  );
  assert.ok(written.some((path) => path.endsWith('manifest.json')));
  for (const path of written) assert.not.match(readFileSync(path, 'latin1'), SECRET, path);
});

test.run();
