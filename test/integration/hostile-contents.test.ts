import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Manifest } from '../../src/model/manifest.ts';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import type { SnapshotsDocument } from '../../src/usecases/snapshots.ts';
import { codes, convert, refusal, rolledBack, take, takeOne } from '../support/cycle/commands.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { deepTree } from '../support/deep-tree.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { must } from '../support/lab/run.ts';
import { storeEntries, storeOf } from '../support/store.ts';

requireLab();

/** A signed 64-bit offset. */
const LARGEST = '9223372036854775807';

let lab: Lab;
let alpha: Agent;
let plain: Agent;
let sparse: Agent;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha', capturable: true });
  await lab.startAgent({ name: 'beta', capturable: true });
  plain = await lab.startAgent({ name: 'plain' });
  sparse = await lab.startAgent({ name: 'sparse' });
});

test.after(async () => {
  await lab.stop();
});

const manifestOf = (id: string) => join(storeOf(lab), 'snapshots', id, 'manifest.json');

test('many databases behind long paths do not make a large manifest', async () => {
  const workspace = alpha.path('workspace');
  const long = Array.from({ length: 13 }, () => 'd'.repeat(250)).join('/');
  mkdirSync(join(workspace, long), { recursive: true });
  for (let index = 0; index < 600; index += 1)
    copyFileSync(join(workspace, 'data/agent.db'), join(workspace, long, `${String(index)}.db`));
  const { id } = await takeOne(lab, 'alpha');
  assert.ok(statSync(manifestOf(id)).size < 2 * 1024 * 1024);
  const manifest = JSON.parse(readFileSync(manifestOf(id), 'utf8')) as Manifest;
  assert.ok((manifest.cut?.databases ?? 0) > 0);
  assert.ok(manifest.databases.length > 0);
});

test('a manifest that is too large is told of and not read; everything else is', async () => {
  const large = await takeOne(lab, 'alpha');
  const mine = await takeOne(lab, 'alpha');
  const other = await takeOne(lab, 'beta');
  appendFileSync(manifestOf(large.id), ' '.repeat(8 * 1024 * 1024));
  const listed = await lab.cowherd<SnapshotsDocument>(['snapshots', '--json']);
  assert.equal(codes(listed.json), ['IO_ERROR']);
  assert.is(listed.json.failures[0]?.agent, 'alpha');
  const ids = listed.json.snapshots.map(({ id }) => id);
  assert.ok(ids.includes(mine.id) && ids.includes(other.id) && !ids.includes(large.id));
  await rolledBack(lab, 'beta');
  await rolledBack(lab, 'alpha', ['--snapshot', mine.id]);
  const { code } = await refusal(lab, ['rollback', 'alpha', '--yes', '--snapshot', large.id]);
  assert.is(code, 'IO_ERROR');
});

const runningSince = async (agent: Agent) =>
  lab.docker(['inspect', '-f', '{{.State.Running}} {{.State.StartedAt}}', agent.container]);

test('an adopt that could not copy what lies too deep is refused before anybody is stopped', async () => {
  const workspace = plain.path('workspace');
  await deepTree(workspace, 100);
  const before = await runningSince(plain);
  const result = await lab.cowherd<ConversionReport>(['adopt', 'plain', '--yes', '--json']);
  assert.is(result.exitCode, 1);
  assert.equal(codes(result.json), ['TIER_UNSUPPORTED']);
  assert.is(await runningSince(plain), before);
  assert.equal(storeEntries(lab), { ...storeEntries(lab), staged: [], transactions: [] });
});

test('an agent that is not isolated is captured and rolled back without that, and it is said', async () => {
  if (!capturesPlain(lab.filesystem)) return;
  const note = join(plain.path('workspace'), 'note');
  writeFileSync(note, 'one');
  const { snapshots, skipped } = await take(lab, ['plain']);
  assert.equal(
    skipped.map(({ volume, partial }) => [volume, partial]),
    [[plain.volumes.workspace, true]],
  );
  writeFileSync(note, 'two');
  const { safety } = await rolledBack(lab, 'plain', ['--snapshot', snapshots[0]?.id ?? '']);
  assert.is(readFileSync(note, 'utf8'), 'one');
  await rolledBack(lab, 'plain', ['--snapshot', safety ?? '']);
  assert.is(readFileSync(note, 'utf8'), 'two');
});

test('a file that is one hole of eight exabytes keeps nobody down', async () => {
  const workspace = sparse.path('workspace');
  await must(['truncate', '-s', LARGEST, join(workspace, 'huge')]);
  await must(['truncate', '-s', '50G', join(workspace, 'fifty')]);
  assert.equal(await convert(lab, 'adopt', ['sparse']), { sparse: 'adopted' });
  assert.equal(await convert(lab, 'unadopt', ['sparse']), { sparse: 'unadopted' });
  assert.is(String(statSync(join(workspace, 'huge'), { bigint: true }).size), LARGEST);
});

test.run();
