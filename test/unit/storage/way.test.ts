import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { systemCode } from '../../../src/model/errors.ts';
import { identityOf, wayTo } from '../../../src/storage/way.ts';

const test = suite<{ root: string }>('wayTo');
const NOBODY: ReadonlySet<string> = new Set();
const AGENT = 1000;

if (process.getuid?.() !== 0) {
  console.log('SKIP ALL: whose a directory is can be set by root alone');
  process.exit(0);
}

test.before((context) => {
  context.root = realpathSync(mkdtempSync(join(tmpdir(), 'cowherd-way-')));
});
test.after(({ root }) => {
  rmSync(root, { recursive: true });
});

let count = 0;

/** A directory `data`, and below `ours` a link to it: as an administrator makes them. */
function place(root: string): { ours: string; data: string; link: string } {
  const top = join(root, String((count += 1)));
  const [ours, data] = [join(top, 'ours'), join(top, 'data')];
  for (const path of [ours, data]) mkdirSync(path, { recursive: true, mode: 0o755 });
  symlinkSync('../data', join(ours, 'link'));
  return { ours, data, link: join(ours, 'link') };
}

test("root's own links are followed, relative and absolute, one after the other", async ({
  root,
}) => {
  const { ours, data, link } = place(root);
  mkdirSync(join(data, 'inner'));
  symlinkSync(link, join(ours, 'second'));
  for (const [path, real] of [
    [link, data],
    [join(link, 'inner'), join(data, 'inner')],
    [`${ours}/second/../data//./inner/`, join(data, 'inner')],
    ['/', '/'],
    ['/..', '/'],
  ] as const) {
    assert.equal(await wayTo(path, NOBODY), { real, guarded: true }, path);
    assert.is(realpathSync.native(path), real);
  }
});

for (const [whose, open] of [
  [
    "a user's directory",
    (ours: string) => {
      chownSync(ours, AGENT, AGENT);
    },
  ],
  [
    'one a group may write to',
    (ours: string) => {
      chmodSync(ours, 0o775);
    },
  ],
  [
    'one all may write to',
    (ours: string) => {
      chmodSync(ours, 0o757);
    },
  ],
] as const) {
  test(`a link in ${whose} is not followed, nor one anywhere below`, async ({ root }) => {
    const { ours, link } = place(root);
    const deep = join(ours, 'deep');
    mkdirSync(deep);
    symlinkSync('/etc', join(deep, 'link'));
    open(ours);
    assert.equal(await wayTo(link, NOBODY), { planted: link });
    const below = join(deep, 'link/ssl');
    assert.equal(await wayTo(below, NOBODY), { planted: join(deep, 'link') });
    assert.equal(await wayTo(deep, NOBODY), { real: deep, guarded: false });
  });
}

test("a container's root is root: what it can write to is nobody's to trust", async ({ root }) => {
  const { ours, data, link } = place(root);
  const exposed = new Set([identityOf(lstatSync(ours))]);
  assert.equal(await wayTo(link, exposed), { planted: link });
  mkdirSync(join(ours, 'sub'));
  symlinkSync(data, join(ours, 'sub/link'));
  assert.equal(await wayTo(join(ours, 'sub/link'), exposed), { planted: join(ours, 'sub/link') });
  assert.equal(await wayTo(ours, exposed), { real: ours, guarded: true });
  assert.equal(await wayTo(data, exposed), { real: data, guarded: true });
});

test("in a sticky directory what is root's is root's, and nothing else", async ({ root }) => {
  const { ours, data, link } = place(root);
  chmodSync(ours, 0o1777);
  assert.equal(await wayTo(link, NOBODY), { real: data, guarded: true });
  lchownSync(link, AGENT, AGENT);
  assert.equal(await wayTo(link, NOBODY), { planted: link });
  mkdirSync(join(ours, 'theirs'));
  symlinkSync(data, join(ours, 'theirs/link'));
  assert.equal(await wayTo(join(ours, 'theirs/link'), NOBODY), { real: data, guarded: true });
  chownSync(join(ours, 'theirs'), AGENT, AGENT);
  const { planted } = (await wayTo(join(ours, 'theirs/link'), NOBODY)) as { planted?: string };
  assert.is(planted, join(ours, 'theirs/link'));
});

test('what is not there, no directory, or leads in a circle, is told as the system tells it', async ({
  root,
}) => {
  const { ours, link } = place(root);
  writeFileSync(join(ours, 'file'), '');
  symlinkSync('circle', join(ours, 'circle'));
  for (const [path, code] of [
    [join(link, 'nowhere'), 'ENOENT'],
    [join(ours, 'file/x'), 'ENOTDIR'],
    [join(ours, 'circle'), 'ELOOP'],
  ] as const)
    assert.is(await wayTo(path, NOBODY).catch((error: unknown) => systemCode(error)), code, path);
});

test.run();
