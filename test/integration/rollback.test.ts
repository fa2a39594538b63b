import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { PlanDocument } from '../../src/usecases/snapshot-dry-run.ts';
import { convert, listed, refusal, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { startedAt } from '../support/cycle/containers.ts';
import { besides, cutOf, expectConsistent, inRole, text as read } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { must, until } from '../support/lab/run.ts';
import { expectNoHalves, storeEntries } from '../support/store.ts';

requireLab();

let lab: Lab;
let alpha: Agent;
let beta: Agent;

test.before(async () => {
  lab = await startLab({ layout: 'subvol' });
  alpha = await lab.startAgent({ name: 'alpha', env: { LAB_BURST: '5' } });
  beta = await lab.startAgent({ name: 'beta' });
});

test.after(async () => {
  await lab.stop();
});

const note = (agent: Agent) => join(agent.path('workspace'), 'note');

/** From a snapshot to later data, back, and forward again, neighbours untouched. */
async function wholeCycle(): Promise<void> {
  const neighbour = await startedAt(lab, beta.container);
  writeFileSync(note(alpha), 'then');
  const point = await takeOne(lab, 'alpha');
  const rows = await expectConsistent(lab, point);
  const cut = await cutOf(lab, point);
  await until('the agent goes on', async () => (await alpha.rows()) > rows + 50);
  writeFileSync(note(alpha), 'now');
  const before = await alpha.rows();
  const begun = new Date().toISOString();
  const report = await rolledBack(lab, 'alpha', ['--snapshot', point.id]);
  assert.is(report.agentState, 'running');
  assert.ok((report.downMs ?? 0) > 0 && (report.swapMs ?? 0) > 0);
  assert.is(await startedAt(lab, beta.container), neighbour);
  await expectBackAt(cut.workspace, point.createdAt, begun);
  await expectSafety(report.safety ?? '', before);
  await rolledBack(lab, 'alpha', ['--snapshot', report.safety ?? '']);
  assert.is(read(note(alpha)), 'now');
  assert.ok(existsSync(join(alpha.path('workspace'), 'sigterm')));
  assert.ok((await alpha.rows()) >= before);
  assert.is(await startedAt(lab, beta.container), neighbour);
}

/** The sequence went on from `seq`, and nothing is left of what was committed between the two times. */
async function expectBackAt(seq: number, from: string, to: string): Promise<void> {
  assert.is(read(note(alpha)), 'then');
  assert.ok(alpha.seq().workspace >= seq);
  const argv = ['sqlite3', '-cmd', '.timeout 5000', join(alpha.path('workspace'), 'data/agent.db')];
  const between = `SELECT count(*) FROM t WHERE at > '${from}' AND at < '${to}'`;
  assert.is(await must([...argv, between]), '0');
  assert.not.ok(existsSync(join(alpha.path('workspace'), 'sigterm')));
  const rows = await alpha.rows();
  await until('the agent commits', async () => (await alpha.rows()) > rows);
}

async function expectSafety(id: string, before: number): Promise<void> {
  const safety = (await listed(lab, ['alpha'])).find((point) => point.id === id);
  assert.ok(safety?.safety);
  assert.ok(safety.atRest);
  assert.is(safety.frozenMs, 0);
  assert.ok((await expectConsistent(lab, safety)) >= before);
  await inRole(lab, safety, 'workspace', (image) => {
    assert.is(read(image, 'note'), 'now');
    assert.ok(existsSync(join(image, 'sigterm')));
  });
}

if (capturesPlain())
  test('not isolated: back, and forward again to what was there at the stop', async () => {
    await wholeCycle();
    assert.equal(storeEntries(lab).transactions, []);
    assert.ok(besides(lab, alpha.volumes.workspace).every((name) => name.includes('-old-')));
  });

test('isolated: the same', async () => {
  await convert(lab, 'adopt', ['alpha']);
  await clean();
  await wholeCycle();
  const { staged, transactions } = storeEntries(lab);
  assert.equal([staged, transactions], [[], []]);
  expectNoHalves(lab);
});

/** Roll forward left the goodbye of the stop before; the next cycle looks for its own. */
async function clean(): Promise<void> {
  await lab.docker(['exec', alpha.container, 'rm', '-f', '/home/developer/sigterm']);
}

if (capturesPlain())
  test('a snapshot from before the adoption goes back too, and the volumes stay isolated', async () => {
    const oldest = (await listed(lab, ['alpha'])).filter(({ safety }) => !safety).at(-1);
    await rolledBack(lab, 'alpha', ['--snapshot', oldest?.id ?? '']);
    assert.is(read(note(alpha)), 'then');
    assert.equal(await convert(lab, 'adopt', ['alpha']), { alpha: 'unchanged' });
  });

test('latest passes over safety snapshots; a time picks the newest not after it', async () => {
  const first = await takeOne(lab, 'alpha');
  const second = await takeOne(lab, 'alpha');
  const { safety, snapshot } = await rolledBack(lab, 'alpha');
  assert.is(snapshot, second.id);
  assert.is((await listed(lab, ['alpha']))[0]?.id, safety);
  const again = await rolledBack(lab, 'alpha', ['--snapshot', 'latest']);
  assert.is(again.snapshot, second.id);
  const then = await rolledBack(lab, 'alpha', ['--snapshot', first.createdAt]);
  assert.is(then.snapshot, first.id);
});

test('a time before the first restore point, and an id that is none: SNAPSHOT_UNKNOWN', async () => {
  const argv = ['rollback', 'alpha', '--yes', '--snapshot'];
  const early = await refusal(lab, [...argv, '2001-01-01T00:00:00Z']);
  assert.equal([early.exitCode, early.code], [2, 'SNAPSHOT_UNKNOWN']);
  const id = (await listed(lab, ['alpha']))[0]?.id ?? '';
  const wrong = await refusal(lab, [...argv, id.replace('alpha', 'alpa')]);
  assert.equal([wrong.exitCode, wrong.code], [2, 'SNAPSHOT_UNKNOWN']);
  assert.ok(wrong.hint.includes(id));
});

test('--dry-run shows the plan and changes nothing', async () => {
  const began = await startedAt(lab, alpha.container);
  const count = (await listed(lab)).length;
  const { exitCode, json } = await lab.cowherd<PlanDocument>([
    ...['rollback', 'alpha', '--dry-run', '--json'],
  ]);
  assert.is(exitCode, 0);
  const steps = new Set(json.plan.map(({ step }) => step));
  assert.equal([...steps], ['prepare', 'stop', 'safety', 'swap', 'start']);
  assert.is(await startedAt(lab, alpha.container), began);
  assert.is((await listed(lab)).length, count);
});

test.run();
