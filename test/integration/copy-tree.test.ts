import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { toCowherdError } from '../../src/model/errors.ts';
import { copyTree } from '../../src/storage/tree/copy-tree.ts';
import { inodeFlags } from '../../src/storage/tree/inode-flags.ts';
import { deepTree } from '../support/deep-tree.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { unmount } from '../support/lab/mounts.ts';
import { must } from '../support/lab/run.ts';
import { makeVolume, type TestVolume } from '../support/quiesce/volume.ts';

requireLab();

const test = suite<{ volume: TestVolume; target: string }>('copyTree');

test.before.each(async (context) => {
  context.volume = await makeVolume(2 * 1024 ** 3);
  context.target = join(context.volume.data, '../target');
  await must(['btrfs', 'subvolume', 'create', context.target]);
});
test.after.each(async ({ volume }) => {
  await volume.remove();
});

async function flagsIn(root: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { path, kind, flags } of inodeFlags(root))
    found.push(`${kind} ${flags} ${path.toString()}`);
  return found.sort();
}

test('a directory that is NOCOW may hold files that are not, and each is as it was', async ({
  volume: { data },
  target,
}) => {
  mkdirSync(join(data, 'd'));
  writeFileSync(join(data, 'd/before'), 'x'.repeat(10_000));
  execFileSync('chattr', ['+C', join(data, 'd')]);
  writeFileSync(join(data, 'd/after'), 'y'.repeat(10_000));
  mkdirSync(join(data, 'd/inner'));
  assert.ok(await copyTree(data, target, { sharing: 'shared' }));
  assert.equal(await flagsIn(target), ['directory C d', 'directory C d/inner', 'file C d/after']);
  for (const name of ['d/before', 'd/after', 'd/inner'])
    assert.is(statSync(join(target, name)).mode, statSync(join(data, name)).mode);
  assert.equal(readFileSync(join(target, 'd/before')), readFileSync(join(data, 'd/before')));
});

test('thousands of directories with a flag cost no process each, and an abort is heard among them', async ({
  volume: { data },
  target,
}) => {
  for (let i = 0; i < 5_000; i += 1)
    mkdirSync(join(data, `d${String(i % 50)}/x${String(i)}`), { recursive: true });
  execFileSync('chattr', ['-R', '+C', data]);
  for (let i = 0; i < 2_000; i += 1) writeFileSync(join(data, `d1/f${String(i)}`), '');
  const aborting = new AbortController();
  const begun = copyTree(data, target, { sharing: 'shared', signal: aborting.signal });
  aborting.abort(new Error('enough'));
  const [aborted] = await Promise.allSettled([begun]);
  assert.is(aborted.status === 'rejected' && (aborted.reason as Error).message, 'enough');
  const other = join(data, '../other');
  await must(['btrfs', 'subvolume', 'create', other]);
  const before = processesSoFar();
  await copyTree(data, other, { sharing: 'shared' });
  assert.ok(processesSoFar() - before < 2_000, 'fewer processes than a half of what has a flag');
  assert.equal(await flagsIn(other), await flagsIn(data));
});

/** All that this machine has started since its boot (proc_stat(5)). */
function processesSoFar(): number {
  return Number(/^processes (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
}

test('tens of thousands of NOCOW files take no more memory than a few thousand', async ({
  volume: { data },
  target,
}) => {
  execFileSync('chattr', ['+C', data]);
  for (let index = 0; index < MANY; index += 1) {
    if (index % 1_000 === 0) mkdirSync(join(data, String(index / 1_000)));
    writeFileSync(join(data, String(Math.floor(index / 1_000)), longName(index)), '');
  }
  const taken = Number(await must([process.execPath, '--expose-gc', PROGRAM, data, target]));
  assert.ok(taken > 0 && taken < MOST_MIB, `${String(taken)} MiB`);
  const last = join(target, String(MANY / 1_000 - 1), longName(MANY - 1));
  assert.match(execFileSync('lsattr', [last]).toString(), /^-*C-* /);
});

const MANY = EMULATED ? 10_000 : 60_000;
/** All of them would take 90 of it; a batch of them takes 15. */
const MOST_MIB = 48;
const PROGRAM = join(import.meta.dirname, '../support/tree/copy-program.ts');

function longName(index: number): string {
  return String(index).padStart(200, 'n');
}

test('what could not be copied for want of space is no matter of what lies too deep beside it', async ({
  volume: { data, directory },
}) => {
  await deepTree(data, 20);
  const small = join(directory, 'small');
  mkdirSync(small);
  await must(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
  try {
    const copy = async () => copyTree(data, small, { sharing: 'copied', leaveTooDeep: true });
    assert.is(await copy(), false, 'alone it is left out');
    for (const name of ['0', 'z']) {
      writeFileSync(join(data, name), Buffer.alloc(4 * 1024 * 1024, 1));
      const [full] = await Promise.allSettled([copy()]);
      assert.is(full.status === 'rejected' && toCowherdError(full.reason).code, 'NO_SPACE');
    }
  } finally {
    await unmount(small);
  }
});

test.run();
