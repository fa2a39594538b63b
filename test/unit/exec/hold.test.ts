import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { hold } from '../../../src/exec/hold.ts';

const codeOf = (error: { code: string }): string => error.code;

test('what is held lives until it is released', async () => {
  const held = await hold('cat', [], { cwd: '/' });
  assert.ok(held.alive());
  await held.release();
  assert.not.ok(held.alive());
  await held.release();
});

test('a child that ends, says nothing or is not there is an error', async () => {
  assert.is(await hold('false', [], { cwd: '/' }).catch(codeOf), 'TOOL_FAILED');
  const silent = hold('sleep', ['60'], { cwd: '/', readyTimeoutMs: 50 });
  assert.is(await silent.catch(codeOf), 'TOOL_FAILED');
  assert.is(await hold('nonesuch', [], { cwd: '/' }).catch(codeOf), 'TOOL_MISSING');
});

test.run();
