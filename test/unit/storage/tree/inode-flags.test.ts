import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { run } from '../../../../src/exec/run.ts';
import { inodeFlags, paired, type FlaggedEntry } from '../../../../src/storage/tree/inode-flags.ts';

test('a name that looks like a flagged entry behind a link does not lead out of the tree', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cowherd-flags-'));
  const [tree, outside] = [join(root, 'tree'), join(root, 'outside')];
  try {
    for (const directory of [tree, outside]) mkdirSync(directory);
    writeFileSync(join(outside, 'victim'), 'x');
    symlinkSync(outside, join(tree, 'link'));
    const forged = join(tree, 'x\n--------------i------- .', 'link');
    mkdirSync(forged, { recursive: true });
    writeFileSync(join(forged, 'victim'), 'x');
    const odd = 'flag\nged';
    writeFileSync(join(tree, odd), 'x');
    await run('chattr', ['+A', join(tree, odd)]);
    const found = [{ path: Buffer.from(odd), kind: 'file', flags: 'A' }];
    const flagged: FlaggedEntry[] = [];
    for await (const entry of inodeFlags(tree)) flagged.push(entry);
    assert.equal(flagged, found);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('flags are those of the paths in their order, whatever line breaks these hold', async () => {
  const [none, immutable] = ['----------------------', '----i-----------------'];
  const odd = `./x\n${immutable} ./y`;
  const lines = `${none} .\n${none} ${odd}\n${immutable} ./z`.split('\n');
  const named = ['d.', `f${odd}`, 'f./gone', 'f./z', 'f./last'];
  const found: string[] = [];
  for await (const { flags } of paired(eachOf(named), eachOf(lines))) found.push(flags);
  assert.equal(found, [none, none, '', immutable, '']);
});

test('who has seen enough ends both walks', async () => {
  let isEnded = false;
  async function* told(): AsyncGenerator<Buffer, void> {
    try {
      yield* eachOf([`${'-'.repeat(22)} ./x`, `${'-'.repeat(22)} ./y`]);
    } finally {
      isEnded = true;
    }
  }
  for await (const { path } of paired(eachOf(['f./x', 'f./y']), told())) {
    assert.is(path.toString(), './x');
    break;
  }
  assert.ok(isEnded);
});

async function* eachOf(texts: readonly string[]): AsyncGenerator<Buffer, void> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

test.run();
