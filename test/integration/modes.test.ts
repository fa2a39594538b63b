import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { convert, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { describeTree, makeOddTree } from '../support/cycle/odd-tree.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { storeOf } from '../support/store.ts';

requireLab();

const NOBODY = 65534;
/** What is in these belongs to an agent. */
const DATA =
  /\/(?:[^/]*\.image|[^/]*\.nested-\d+|transient\/\d[^/]*|(?:staged|retired)\/[^/]+\/[^/]+)$/;

let lab: Lab;

test.before(async () => {
  lab = await startLab();
});

test.after(async () => {
  await lab.stop();
});

/** Every entry below a directory, itself included; agents' data by its top alone. */
function entriesOf(directory: string): readonly string[] {
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory() || DATA.test(directory)) return [directory];
  const inside = readdirSync(directory).flatMap((name) => entriesOf(join(directory, name)));
  return [directory, ...inside];
}

/** Directories that others may pass through to what a fence shows them, and not read. */
const PASSED = ['/run/cowherd'];

/** What is not root's alone: `owner:group mode path`. */
function notOurs(paths: readonly string[]): readonly string[] {
  return paths
    .filter((path) => !DATA.test(path))
    .flatMap((path) => {
      const { uid, gid, mode } = lstatSync(path);
      const wanted = lstatSync(path).isDirectory() ? [0o700] : [0o600];
      const allowed = PASSED.includes(path) ? [0o700, 0o711, 0o755] : wanted;
      const ours = uid === 0 && gid === 0 && allowed.includes(mode & 0o7777);
      return ours ? [] : [`${uid}:${gid} ${(mode & 0o7777).toString(8)} ${path}`];
    });
}

/** Which of these paths a user can read or enter who is nobody, in no group. */
function readableByNobody(paths: readonly string[]): readonly string[] {
  const script = 'for path; do test -r "$path" && printf "%s\\n" "$path"; done; true';
  const user = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
  const argv = [...user, '--inh-caps=-all', '--bounding-set=-all', 'sh', '-c', script, 'sh'];
  const said = execFileSync('setpriv', [...argv, ...paths], { encoding: 'utf8', cwd: '/' });
  return said.split('\n').filter(Boolean);
}

/** Everything of ours there is now: the store, the state directory, and what lies in /run; where filesystems are mounted, the way there. */
function ours(): readonly string[] {
  const store = storeOf(lab);
  // On ZFS it is a filesystem's own root, behind a directory that root alone enters.
  const stores =
    lab.filesystem === 'zfs' ? readdirSync(store).map((name) => join(store, name)) : [store];
  const runtime = ['locks', 'frozen', 'fence'].map((name) => join('/run/cowherd', name));
  return [...[...stores, lab.state, ...runtime].flatMap(entriesOf), '/run/cowherd/fs'];
}

async function withUmask<T>(umask: number, work: () => Promise<T>): Promise<T> {
  const before = process.umask(umask);
  try {
    return await work();
  } finally {
    process.umask(before);
  }
}

for (const umask of [0o000, 0o077]) {
  test(`with umask ${umask.toString(8).padStart(3, '0')} all we write is root's alone, and data stays whose it was`, async () => {
    const name = `agent-${umask.toString(8)}`;
    const agent = await lab.startAgent({ name });
    const odd = join(agent.path('shared'), 'odd');
    mkdirSync(odd);
    await makeOddTree(lab, odd);
    const tree = () => describeTree(lab, odd);
    const tops = () =>
      (['workspace', 'public', 'shared'] as const).map((role) => {
        const { uid, gid, mode } = lstatSync(agent.path(role));
        return [role, uid, gid, mode];
      });
    const before = [await tree(), tops()];
    const same = async (): Promise<void> => assert.equal([await tree(), tops()], before);
    await withUmask(umask, async () => {
      if (capturesPlain(lab.filesystem)) {
        await takeOne(lab, name);
        await rolledBack(lab, name);
        await same();
      }
      await convert(lab, 'adopt', [name]);
      await same();
      const first = await takeOne(lab, name, ['--pin']);
      const second = await takeOne(lab, name);
      assert.is(second.grade, 'checkpointed', 'a fence works whatever the umask');
      await rolledBack(lab, name, ['--snapshot', first.id]);
      await same();
      await lab.cowherd(['doctor', name]);
      assert.is((await lab.cowherd(['recover'])).exitCode, 0);
      assert.is((await lab.cowherd(['unpin', first.id])).exitCode, 0);
      assert.is((await lab.cowherd(['prune', name])).exitCode, 0);
      await convert(lab, 'unadopt', [name]);
      await same();
    });
    const paths = ours();
    assert.ok(paths.some((path) => path.endsWith('/manifest.json')));
    assert.ok(paths.some((path) => path.endsWith('/last-prune')));
    assert.ok(
      paths.some((path) => /\/retired\/[^/]+\.json$/.test(path)),
      'a record is kept',
    );
    assert.equal(notOurs([...paths, '/run/cowherd']), []);
    assert.equal(readableByNobody(paths), []);
  });
}

test('the look sees what others could read', () => {
  const open = join(lab.root, 'open');
  writeFileSync(open, '', { mode: 0o644 });
  assert.equal(readableByNobody([open, lab.config]), [open]);
  assert.is(notOurs([open]).length, 1);
});

test.run();
