import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import { CowherdError } from '../../../src/model/errors.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { expectClock, notePrune } from '../../../src/usecases/last-prune.ts';

const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
test.after(() => {
  rmSync(directory, { recursive: true });
});

let states = 0;
/** A state directory that is not there yet. */
const fresh = () => join(directory, `state-${(states += 1)}`);

async function at(state: string, time: string) {
  const config = await parseConfig(`state: ${state}`, { file: 'c.yaml', hostname: 'box' });
  const told: string[] = [];
  const context = { config, now: () => new Date(time), tell: (line: string) => told.push(line) };
  return { context: context as unknown as Context, told };
}

async function codeOf(state: string, time: string, force = false): Promise<string> {
  const { context, told } = await at(state, time);
  try {
    await expectClock(context, force);
    return told.length === 0 ? 'fine' : 'told';
  } catch (error) {
    return error instanceof CowherdError ? error.code : String(error);
  }
}

async function note(state: string, time: string): Promise<void> {
  const { context, told } = await at(state, time);
  await notePrune(context);
  assert.equal(told, []);
}

test('a clock more than a minute before the last prune is refused, unless forced', async () => {
  const state = fresh();
  await note(state, '2026-11-22T12:00:00Z');
  assert.is(await codeOf(state, '2026-11-22T12:00:01Z'), 'fine');
  assert.is(await codeOf(state, '2026-11-22T11:59:00Z'), 'fine');
  assert.is(await codeOf(state, '2026-11-22T11:58:59Z'), 'CLOCK_SUSPECT');
  assert.is(await codeOf(state, '2001-01-01T00:00:00Z'), 'CLOCK_SUSPECT');
  assert.is(await codeOf(state, '2001-01-01T00:00:00Z', true), 'told');
});

test('what is noted last holds, be it earlier', async () => {
  const state = fresh();
  await note(state, '2036-11-22T12:00:00Z');
  await note(state, '2026-11-22T12:00:00Z');
  assert.is(await codeOf(state, '2026-11-22T12:00:00Z'), 'fine');
});

test('a record that is not there or damaged is told, and refuses nothing', async () => {
  const state = fresh();
  assert.is(await codeOf(state, '2001-01-01T00:00:00Z'), 'told');
  await note(state, '2026-11-22T12:00:00Z');
  for (const text of ['', '2026-11-2', '{}', '\0\0\0\0']) {
    writeFileSync(join(state, 'last-prune'), text);
    assert.is(await codeOf(state, '2001-01-01T00:00:00Z'), 'told', JSON.stringify(text));
  }
});

test('the record is root’s alone, and whole', async () => {
  const state = fresh();
  const before = process.umask(0);
  try {
    await note(state, '2026-11-22T12:00:00.123Z');
  } finally {
    process.umask(before);
  }
  assert.equal(readdirSync(state), ['last-prune']);
  assert.is(readFileSync(join(state, 'last-prune'), 'utf8'), '2026-11-22T12:00:00.123Z\n');
  assert.equal(
    [statSync(state).mode & 0o7777, statSync(join(state, 'last-prune')).mode & 0o7777],
    [0o700, 0o600],
  );
});

test('what cannot be noted is told, and keeps nobody from pruning', async () => {
  const state = fresh();
  writeFileSync(state, 'no directory');
  chmodSync(state, 0o600);
  const { context, told } = await at(state, '2026-11-22T12:00:00Z');
  await notePrune(context);
  assert.is(told.length, 1);
});

test.run();
