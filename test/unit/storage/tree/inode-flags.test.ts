import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../../../src/exec/run.ts';
import { flagsOf, inodeFlags } from '../../../../src/storage/tree/inode-flags.ts';

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
    assert.equal(await inodeFlags(tree), [{ path: odd, kind: 'file', flags: 'A' }]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('flags are those of the paths in their order, whatever line breaks these hold', () => {
  const [none, immutable] = ['----------------------', '----i-----------------'];
  const odd = `./x\n${immutable} ./y`;
  const text = `${none} .\n${none} ${odd}\n${immutable} ./z\n`;
  assert.equal(flagsOf(text, ['.', odd, './gone', './z']), [none, none, '', immutable]);
});

test.run();
