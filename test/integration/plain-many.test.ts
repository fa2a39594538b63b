import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { rolledBack, takeOne } from '../support/cycle/commands.ts';
import { AGENT_UID } from '../support/lab/image.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

const DIRECTORIES = 1_000;
const FILES = 100;

const test = suite<{ lab: Lab }>('100,000 small files on ext4');

test.before(async (given) => {
  given.lab = await startLab({ fs: 'ext4', size: '16G' });
  // About a second; a busy machine shall not make it a failure.
  given.lab.writeConfig('cowherd', { quiesce: { maxFreeze: '30s' } });
});
test.after(async ({ lab }) => lab?.stop());

const nameOf = (number: number): string => String(number).padStart(4, '0');
const contentOf = (directory: number, file: number): string => `${directory}/${file}\n`.repeat(20);

function fill(root: string): void {
  for (let directory = 0; directory < DIRECTORIES; directory += 1) {
    const path = join(root, nameOf(directory));
    mkdirSync(path);
    chownSync(path, AGENT_UID, AGENT_UID);
    for (let file = 0; file < FILES; file += 1)
      writeFileSync(join(path, nameOf(file)), contentOf(directory, file));
  }
}

/** Directories that do not hold what `fill` put there. */
function wrong(root: string): readonly string[] {
  return Array.from({ length: DIRECTORIES }, (_, directory) => directory)
    .filter((directory) => {
      const path = join(root, nameOf(directory));
      const isAsItWas = (name: string): boolean =>
        readFileSync(join(path, name), 'utf8') === contentOf(directory, Number(name));
      const names = readdirSync(path);
      return names.length !== FILES || !names.every(isAsItWas);
    })
    .map(nameOf);
}

test('captured, once more with what has changed, and rolled back to', async ({ lab }) => {
  const agent = await lab.startAgent({ name: 'alpha' });
  const many = join(agent.path('workspace'), 'many');
  mkdirSync(many);
  fill(many);
  const first = await takeOne(lab, 'alpha');
  rmSync(join(many, nameOf(0)), { recursive: true });
  for (let directory = 1; directory < DIRECTORIES; directory += 10)
    writeFileSync(join(many, nameOf(directory), nameOf(1)), 'changed');
  const begun = performance.now();
  const { json, exitCode } = await lab.cowherd<SnapshotReport>(['snapshot', 'alpha', '--json']);
  assert.is(exitCode, 0);
  const frozen = [first.frozenMs, json.snapshots[0]?.frozenMs ?? 0].map((ms) => ms.toFixed(0));
  const took = ((performance.now() - begun) / 1_000).toFixed(1);
  console.log(`frozen ${frozen.join(' and ')} ms, the second took ${took} s`);
  await rolledBack(lab, 'alpha', ['--snapshot', first.id]);
  assert.equal(wrong(many), []);
  await rolledBack(lab, 'alpha', ['--snapshot', json.snapshots[0]?.id ?? '']);
  const left = readdirSync(many);
  assert.is(left.length, DIRECTORIES - 1);
  assert.is(readFileSync(join(many, nameOf(1), nameOf(1)), 'utf8'), 'changed');
});

test.run();
