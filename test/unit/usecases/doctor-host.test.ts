import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import {
  ambiguityFindings,
  permissionFindings,
  toolFindings,
  TOOLS,
} from '../../../src/usecases/doctor-host.ts';

const SOURCES = join(import.meta.dirname, '../../../src');

/** Names of programs that literal calls start, and words of an argv that are one. */
function programsStarted(): ReadonlySet<string> {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(SOURCES, file), 'utf8'));
  const starts = /(?<![.\w])(?:run|hold|records)\(\s*'([a-z0-9]+)'/g;
  return new Set(texts.flatMap((text) => Array.from(text.matchAll(starts), (found) => found[1]!)));
}

test('every program that is run is looked for', () => {
  const known: ReadonlySet<string> = new Set(Object.values(TOOLS).flat());
  const started = programsStarted();
  assert.ok(started.has('btrfs') && started.has('unshare') && started.has('find'));
  assert.equal(
    [...started].filter((program) => !known.has(program)),
    [],
  );
});

test('tools are asked for where something needs them', async () => {
  const source = { file: 'test', hostname: 'box' };
  const plain = await parseConfig('quiesce: { sqlite: { enabled: false } }', source);
  assert.equal(await toolFindings(plain, new Set(['nfs4'])), []);
});

test('anybody but root is told', () => {
  assert.equal(permissionFindings(0), []);
  assert.is(permissionFindings(1000)[0]?.severity, 'error');
});

test('a name of two kinds of source is a warning that says which one is the agent', () => {
  const [finding] = ambiguityFindings([
    { name: 'shop', sources: ['label "shop"', 'volume "shop"'] },
  ]);
  assert.is(finding?.agent, 'shop');
  assert.match(finding?.message ?? '', 'only label "shop" is the agent');
});

test.run();
