import { Linter } from 'eslint';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import tseslint from 'typescript-eslint';
import cowherd, { importProblem } from '../../scripts/eslint-floors.ts';

const ROOT = '/checkout';

function lint(file: string, code: string): string[] {
  const linter = new Linter({ cwd: ROOT });
  const config: Linter.Config = {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser },
    plugins: { cowherd },
    rules: { 'cowherd/floors': 'error', 'cowherd/no-barrel': 'error' },
  };
  return linter.verify(code, [config], `${ROOT}/${file}`).map(({ ruleId }) => ruleId ?? 'broken');
}

const FLOORS = ['cowherd/floors'];

test('imports go down', () => {
  assert.equal(lint('src/cli/snapshot.ts', "import { a } from '../usecases/snapshot.ts';"), []);
  assert.equal(lint('src/usecases/a.ts', "import type { A } from '../storage/driver.ts';"), []);
  assert.equal(lint('src/storage/btrfs/a.ts', "import { a } from '../../model/names.ts';"), []);
  assert.equal(lint('src/storage/btrfs/a.ts', "import { a } from '../driver.ts';"), []);
});

test('imports do not go up', () => {
  assert.equal(lint('src/model/a.ts', "import { run } from '../exec/run.ts';"), FLOORS);
  assert.equal(lint('src/storage/btrfs/a.ts', "import { a } from '../../usecases/a.ts';"), FLOORS);
  assert.equal(lint('src/usecases/a.ts', "import { a } from '../cli/a.ts';"), FLOORS);
});

test('siblings of a floor do not import each other, in no form', () => {
  for (const code of [
    "import { a } from '../docker/docker.ts';",
    "import type { A } from '../docker/docker.ts';",
    "export * from '../docker/docker.ts';",
    "export { a } from '../docker/docker.ts';",
    "await import('../docker/docker.ts');",
    "type A = import('../docker/docker.ts').A;",
  ]) {
    assert.equal(lint('src/quiesce/a.ts', code), FLOORS, code);
  }
  assert.is.not(importProblem('config/a.ts', '../exec/run.ts'), undefined);
  assert.is.not(importProblem('cli/a.ts', '../daemon/a.ts'), undefined);
});

test('compose.ts imports everything, main.ts nothing else, another entry only what it needs', () => {
  for (const area of ['cli', 'daemon', 'usecases', 'docker']) {
    assert.is(importProblem('compose.ts', `./${area}/a.ts`), undefined);
    assert.is.not(importProblem('main.ts', `./${area}/a.ts`), undefined);
  }
  assert.is(importProblem('main.ts', './compose.ts'), undefined);
  assert.is.not(importProblem('cli/a.ts', '../compose.ts'), undefined);
  assert.is(importProblem('guard.ts', './quiesce/thaw.ts'), undefined);
  assert.is.not(importProblem('guard.ts', './cli/a.ts'), undefined);
  assert.is.not(importProblem('usecases/a.ts', '../main.ts'), undefined);
});

test('unknown directories and files outside src are refused', () => {
  assert.is.not(importProblem('usecases/a.ts', '../utils/a.ts'), undefined);
  assert.is.not(importProblem('utils/a.ts', '../model/a.ts'), undefined);
  assert.is.not(importProblem('usecases/a.ts', '../../test/support/a.ts'), undefined);
});

test('a library is imported in one place', () => {
  assert.equal(lint('src/docker/docker.ts', "import Docker from 'dockerode';"), []);
  assert.equal(lint('src/usecases/a.ts', "import Docker from 'dockerode';"), FLOORS);
  assert.equal(lint('src/usecases/a.ts', "await import('dockerode');"), FLOORS);
  assert.is.not(importProblem('storage/a.ts', 'execa'), undefined);
  assert.is.not(importProblem('storage/a.ts', 'node:child_process'), undefined);
  assert.is.not(importProblem('main.ts', 'node:child_process'), undefined);
  assert.is(importProblem('exec/run.ts', 'node:child_process'), undefined);
  assert.is(importProblem('docker/inspect-schema.ts', 'zod'), undefined);
  assert.is.not(importProblem('docker/docker.ts', 'zod'), undefined);
  assert.is.not(importProblem('usecases/a.ts', 'yaml'), undefined);
  assert.is.not(importProblem('usecases/a.ts', 'commander'), undefined);
  assert.is(importProblem('usecases/a.ts', 'node:fs/promises'), undefined);
});

test('no barrel files', () => {
  assert.equal(lint('src/model/index.ts', 'export const a = 1;'), ['cowherd/no-barrel']);
});

test.run();
