import { mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../../src/model/errors.ts';
import { compareTrees, firstDifference } from '../../../../src/storage/tree/compare-tree.ts';
import { copyTree } from '../../../../src/storage/tree/copy-tree.ts';
import { expectCopyable } from '../../../../src/storage/tree/copyable.ts';

const never = new AbortController().signal;
const copied = { sharing: 'copied' } as const;
const test = suite<{ root: string; source: string; target: string }>('trees');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'cowherd-tree-'));
  context.source = join(context.root, 'source');
  context.target = join(context.root, 'target');
  mkdirSync(context.source);
  mkdirSync(context.target);
});

test.after.each(({ root }) => {
  rmSync(root, { recursive: true, force: true });
});

async function* listed(lines: readonly string[]): AsyncGenerator<Buffer, void> {
  for (const line of lines) yield await Promise.resolve(Buffer.from(line));
}

async function difference(left: readonly string[], right: readonly string[]) {
  return firstDifference(
    () => listed(left),
    () => listed(right),
  );
}

test('listings are equal whatever their order', async () => {
  assert.is(await difference(['a', 'b'], ['b', 'a']), null);
  assert.is(await difference([], []), null);
});

test('a record that only one of them has is named; one that comes twice is a difference too', async () => {
  assert.is(await difference(['a', 'b'], ['a']), 'b');
  assert.is(await difference(['a'], ['a', 'b']), 'b');
  assert.ok(['b', 'c'].includes((await difference(['a', 'b'], ['a', 'c'])) ?? ''));
  assert.is.not(await difference(['a', 'a'], ['a']), null);
});

/** A file with data at its start, in its middle and at its end, and holes of many gigabytes between. */
function writeSparse(path: string, sizeBytes: number): void {
  writeFileSync(path, 'start');
  truncateSync(path, sizeBytes / 2);
  writeFileSync(path, 'middle', { flag: 'a' });
  truncateSync(path, sizeBytes - 3);
  writeFileSync(path, 'end', { flag: 'a' });
}

test('a copy with holes of terabytes is compared in no time, and its data to the last byte', async ({
  source,
  target,
}) => {
  writeSparse(join(source, 'sparse'), 8 * 1024 ** 4);
  assert.is(await copyTree(source, target, copied), true);
  await compareTrees(source, target, copied);
  const path = join(target, 'sparse');
  truncateSync(path, 8 * 1024 ** 4 - 3);
  writeFileSync(path, 'enD', { flag: 'a' });
  utimesSync(path, 1, 1);
  utimesSync(join(source, 'sparse'), 1, 1);
  await expectDifference(compareTrees(source, target, copied));
});

test('data where the source has a hole is a difference', async ({ source, target }) => {
  truncateWith(join(source, 'file'), '');
  truncateWith(join(target, 'file'), 'data');
  for (const root of [source, target]) {
    utimesSync(join(root, 'file'), 1, 1);
    utimesSync(root, 1, 1);
  }
  await expectDifference(compareTrees(source, target, copied));
});

function truncateWith(path: string, data: string): void {
  writeFileSync(path, data);
  truncateSync(path, 1024 ** 3);
}

test('a tree that lies too deep is refused, or copied without what lies there', async ({
  source,
  target,
}) => {
  await expectCopyable(source, never);
  mkdirSync(join(source, ...Array.from({ length: 14 }, () => 'd'.repeat(250))), {
    recursive: true,
  });
  writeFileSync(join(source, 'file'), 'x');
  const code = await expectCopyable(source, never).catch(codeOf);
  assert.is(code, 'TIER_UNSUPPORTED');
  assert.is(await copyTree(source, target, { ...copied, leaveTooDeep: true }), false);
  assert.is(await copyTree(join(source), join(target), copied), true);
});

test('an interrupted comparison ends with the reason', async ({ source, target }) => {
  const reason = new CowherdError('INTERRUPTED', 'interrupted');
  const options = { ...copied, signal: AbortSignal.abort(reason) };
  assert.is(await compareTrees(source, target, options).catch(codeOf), 'INTERRUPTED');
  assert.is(await copyTree(source, target, options).catch(codeOf), 'INTERRUPTED');
});

async function expectDifference(compared: Promise<void>): Promise<void> {
  assert.is(await compared.catch(codeOf), 'TOOL_FAILED');
}

function codeOf(error: unknown): unknown {
  return error instanceof CowherdError ? error.code : error;
}

test.run();
