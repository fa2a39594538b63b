import fc from 'fast-check';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { records, split } from '../../../src/exec/records.ts';
import { CowherdError } from '../../../src/model/errors.ts';

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const record of source) all.push(Buffer.from(record));
  return all;
}

async function failure(source: AsyncIterable<Buffer>): Promise<CowherdError> {
  const error = await collect(source).catch((thrown: unknown) => thrown);
  assert.instance(error, CowherdError);
  return error as CowherdError;
}

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

test('records are the same however the stream is cut into chunks', async () => {
  const record = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.filter((b) => b !== 0));
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(record), sizes, async (all, cuts) => {
      const bytes = Buffer.concat(all.map((one) => Buffer.concat([one, Buffer.alloc(1)])));
      const found = await collect(split(chunksOf(bytes, cuts)));
      assert.equal(
        found.map((one) => one.toString('hex')),
        all.map((one) => Buffer.from(one).toString('hex')),
      );
    }),
  );
});

test('bytes after the last separator are no record', async () => {
  const found = await collect(split(chunksOf(Buffer.from('a\nb\nhalf'), [3]), { separator: 10 }));
  assert.equal(found.map(String), ['a', 'b']);
});

test('a record that never ends is refused before it fills the memory', async () => {
  const error = await failure(records('cat', ['/dev/zero'], { separator: 10 }));
  assert.is(error.details['oversized'], true);
});

test('a consumer that stops ends the tool', async () => {
  for await (const record of records('yes', [], { separator: 10 })) {
    assert.is(record.toString(), 'y');
    break;
  }
});

test('a tool that fails after good records is a failure, with what it said', async () => {
  const error = await failure(records('find', ['/proc/self/fd/0', '/nonesuch', '-print0']));
  assert.is(error.code, 'TOOL_FAILED');
  assert.match(error.message, /nonesuch/);
});

test('a tool that does not end is killed; one that is not there is missing', async () => {
  assert.is((await failure(records('sleep', ['60'], { timeoutMs: 50 }))).details['timedOut'], true);
  assert.is((await failure(records('nonesuch', []))).code, 'TOOL_MISSING');
});

test.run();
