import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Manifest } from '../../src/model/manifest.ts';
import type { AgentDocument } from '../../src/usecases/agents.ts';
import type { RecoverReport } from '../../src/usecases/recover.ts';
import {
  codes,
  convert,
  listed,
  prune,
  refusal,
  rolledBack,
  take,
  takeOne,
} from '../support/cycle/commands.ts';
import { besides, inImage, isThere, locationOf } from '../support/cycle/images.ts';
import { removeVolumes } from '../support/cycle/volumes.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { storeEntries, storeOf } from '../support/store.ts';

requireLab();

let lab: Lab;
let alpha: Agent;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha', capturable: true });
});

test.after(async () => {
  await lab.stop();
});

test('thaw and recover with nothing to do', async () => {
  const recover = await lab.cowherd<RecoverReport>(['recover', '--json']);
  assert.is(recover.exitCode, 0);
  assert.equal(recover.json, { results: [], failures: [] });
  const thaw = await lab.cowherd<RecoverReport>(['thaw', '--json']);
  assert.equal([thaw.exitCode, thaw.json.failures], [0, []]);
});

test('tags and pin are kept with the restore point', async () => {
  const args = ['--tag', 'reason=upgrade', '--tag', 'by=a=b', '--pin'];
  const point = await takeOne(lab, 'alpha', args);
  assert.equal(point.tags, { reason: 'upgrade', by: 'a=b' });
  assert.ok(point.pinned);
  assert.equal((await listed(lab, ['alpha']))[0], point);
});

test('the manifest says what ran, and nothing of its environment', async () => {
  await lab.docker(['rm', '-f', alpha.container]);
  alpha = await lab.startAgent({ name: 'alpha', env: { SECRET: 'hunter2' } });
  const point = await takeOne(lab, 'alpha');
  const file = join(storeOf(lab), 'snapshots', point.id, 'manifest.json');
  const json = readFileSync(file, 'utf8');
  assert.not.match(json, 'hunter2');
  const manifest = JSON.parse(json) as Manifest;
  assert.is(manifest.id, point.id);
  assert.equal(
    manifest.containers.map(({ id, name, image, state }) => [id, name, image, state]),
    [[alpha.id, alpha.container, AGENT_IMAGE, 'running']],
  );
  assert.ok(manifest.volumes.every(({ incarnation }) => incarnation.createdAt !== null));
  assert.is(manifest.databases.length, 1);
});

test('the newest, the pinned and the fresh safety snapshot are kept; --force spares the pinned', async () => {
  const [newest, pinned] = await listed(lab, ['alpha']);
  assert.ok(newest && pinned?.pinned);
  const { safety } = await rolledBack(lab, 'alpha');
  const ids = [newest.id, pinned.id, safety ?? ''];
  const kept = await prune(lab, ids);
  assert.is(kept.exitCode, 5);
  assert.equal(
    kept.json.keep.map(({ id, reasons }) => [id, reasons]),
    [
      [newest.id, ['newest']],
      [pinned.id, ['pinned']],
      [safety, ['safety']],
    ],
  );
  assert.is((await listed(lab, ['alpha'])).length, 3);
  const unpinned = await lab.cowherd(['unpin', pinned.id, '--json']);
  assert.is(unpinned.exitCode, 0);
  const dry = await prune(lab, ids, ['--dry-run']);
  assert.equal([dry.exitCode, dry.json.destroy.map(({ id }) => id)], [3, [pinned.id]]);
  assert.is((await listed(lab, ['alpha'])).length, 3);
});

test('pin is idempotent, and a pinned one stays even with --force', async () => {
  const [, newest] = await listed(lab, ['alpha']);
  for (let round = 0; round < 2; round += 1)
    assert.is((await lab.cowherd(['pin', newest?.id ?? '', '--json'])).exitCode, 0);
  const { exitCode, json } = await prune(lab, [newest?.id ?? ''], ['--force']);
  assert.equal([exitCode, codes(json)], [5, ['CONFIRMATION_REQUIRED']]);
  assert.is((await lab.cowherd(['unpin', newest?.id ?? ''])).exitCode, 0);
});

test('prune without --yes asks, and without a terminal is refused', async () => {
  const [safety] = await listed(lab, ['alpha']);
  const argv = ['prune', '--id', safety?.id ?? '', '--force'];
  const { exitCode, code } = await refusal(lab, argv);
  assert.equal([exitCode, code], [5, 'CONFIRMATION_REQUIRED']);
  const unknown = await refusal(lab, ['prune', '--yes', '--id', 'alpha@20010101T000000Z']);
  assert.equal([unknown.exitCode, unknown.code], [2, 'SNAPSHOT_UNKNOWN']);
});

test('retired data goes with its safety snapshot', async () => {
  const safeties = (await listed(lab, ['alpha'])).filter(({ safety }) => safety);
  assert.is(safeties.length, 1);
  const aside = besides(lab, alpha.volumes.workspace).length;
  assert.equal([aside, storeEntries(lab).retired.length], capturesPlain() ? [1, 1] : [0, 2]);
  assert.is((await prune(lab, [safeties[0]?.id ?? ''], ['--force'])).exitCode, 0);
  for (const volume of Object.values(alpha.volumes)) assert.equal(besides(lab, volume), []);
  assert.equal(storeEntries(lab), { retired: [], staged: [], transactions: [] });
});

test('retired data goes with its safety snapshot: datasets', async () => {
  await convert(lab, 'adopt', ['alpha']);
  const first = await rolledBack(lab, 'alpha');
  const second = await rolledBack(lab, 'alpha');
  assert.is(storeEntries(lab).retired.length, 4);
  assert.is((await prune(lab, [first.safety ?? ''], ['--force'])).exitCode, 0);
  assert.is(storeEntries(lab).retired.length, 2);
  assert.is((await prune(lab, [second.safety ?? ''], ['--force'])).exitCode, 0);
  assert.equal(storeEntries(lab), { retired: [], staged: [], transactions: [] });
});

test('a pruned restore point is gone with its images, the agent is what it was', async () => {
  const [newest, oldest] = await listed(lab, ['alpha']);
  assert.ok(newest && oldest);
  assert.is((await prune(lab, [oldest.id])).exitCode, 0);
  assert.not.ok(await isThere(locationOf(oldest, alpha.volumes.workspace)));
  assert.equal(
    (await listed(lab, ['alpha'])).map(({ id }) => id),
    [newest.id],
  );
  const rows = await alpha.rows();
  assert.ok(rows > 0);
});

test('a renamed agent keeps its history, and answers to its old name', async () => {
  const [newest] = await listed(lab, ['alpha']);
  writeFileSync(join(alpha.path('workspace'), 'note'), 'later');
  await lab.docker(['rm', '-f', alpha.container]);
  await rename('omega');
  const { json } = await lab.cowherd<{ agents: AgentDocument[] }>(['agents', '--json']);
  assert.equal(
    json.agents.map(({ name, lastSnapshot }) => [name, lastSnapshot]),
    [['omega', newest?.id]],
  );
  for (const name of ['omega', 'alpha']) {
    const points = await listed(lab, [name]);
    assert.equal(
      points.map(({ id, agent }) => [id, agent]),
      [[newest?.id, 'omega']],
    );
  }
  const { snapshots } = await take(lab, ['omega']);
  assert.ok(snapshots[0]?.id.startsWith('omega@'));
  const report = await rolledBack(lab, 'alpha', ['--snapshot', newest?.id ?? '']);
  assert.is(report.agent, 'omega');
  assert.not.ok(existsSync(join(alpha.path('workspace'), 'note')));
});

/** Its container again, under another name and label, on the old volumes. */
async function rename(name: string): Promise<void> {
  const targets = { workspace: '', public: '/public', shared: '/shared-out' };
  const mounts = Object.entries(targets).flatMap(([role, path]) => [
    ...['-v', `agent-alpha-${role}:/home/developer${path}`],
  ]);
  const labels = ['trinity.platform=agent', `trinity.agent-name=${name}`];
  const flags = labels.flatMap((label) => ['--label', label]);
  const options = ['-d', '--network', 'none', '--name', `agent-${name}`];
  await lab.docker(['run', ...options, ...flags, ...mounts, AGENT_IMAGE]);
}

test('an agent whose volumes are gone lives on in its restore points', async () => {
  await lab.docker(['rm', '-f', 'agent-omega']);
  await removeVolumes(lab, Object.values(alpha.volumes));
  const points = await listed(lab);
  assert.ok(points.length >= 3);
  const [newest] = points;
  assert.ok(newest);
  await inImage(lab, newest, alpha.volumes.workspace, (image) => {
    assert.ok(existsSync(join(image, 'data/agent.db')));
  });
  const names = new Set(points.map(({ agent }) => agent));
  for (const name of names) assert.ok((await listed(lab, [name])).length > 0);
});

test.run();
