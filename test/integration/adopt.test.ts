import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { ConversionReport } from '../../src/usecases/adopt.ts';
import type { AgentDocument } from '../../src/usecases/agents.ts';
import type { PlanDocument } from '../../src/usecases/snapshot-dry-run.ts';
import { codes, convert, listed, refusal, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { offData, startedAt, stateOf } from '../support/cycle/containers.ts';
import { foreignSnapshot } from '../support/cycle/foreign.ts';
import { besides, inImage } from '../support/cycle/images.ts';
import { describeTree, makeOddTree, unprotect } from '../support/cycle/odd-tree.ts';
import { ROLES, type Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { isIsolated } from '../support/lab/isolated.ts';
import { startLab, type Lab, type LabOptions } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { until } from '../support/lab/run.ts';
import { storeEntries } from '../support/store.ts';

requireLab();

let lab: Lab;
let alpha: Agent;
let beta: Agent;

const layout: LabOptions['layout'] = 'subvol';
const ODD = 'odd';

test.before(async () => {
  lab = await startLab({ layout });
  alpha = await lab.startAgent({ name: 'alpha' });
  beta = await lab.startAgent({ name: 'beta' });
  await lab.docker(['volume', 'create', ODD]);
  await makeOddTree(lab, oddPath());
});

test.after(async () => {
  await unprotect(lab.mnt);
  await lab.stop();
});

const oddPath = () => join(lab.dataRoot, 'volumes', ODD, '_data');

async function isolation(agent: string): Promise<boolean[]> {
  const { json } = await lab.cowherd<{ agents: AgentDocument[] }>(['agents', agent, '--json']);
  return json.agents.flatMap(({ volumes }) => volumes.map(({ isolated }) => isolated));
}

test('--dry-run shows plan and space, and changes nothing', async () => {
  const began = await startedAt(lab, alpha.container);
  const result = await lab.cowherd<PlanDocument>(['adopt', 'alpha', '--dry-run', '--json']);
  assert.is(result.exitCode, 0);
  const steps = new Set(result.json.plan.map(({ step }) => step));
  assert.equal([...steps], ['stop', 'copy', 'swap', 'start', 'remove']);
  assert.is(await startedAt(lab, alpha.container), began);
  assert.equal(await isolation('alpha'), [false, false, false]);
});

test('containers run on the new data, those of others were not touched', async () => {
  const neighbour = await startedAt(lab, beta.container);
  const rows = await alpha.rows();
  assert.equal(await convert(lab, 'adopt', ['alpha']), { alpha: 'adopted' });
  assert.equal(await isolation('alpha'), [true, true, true]);
  assert.equal(await isolation('beta'), [false, false, false]);
  assert.is(await startedAt(lab, beta.container), neighbour);
  assert.is(await stateOf(lab, alpha.container), 'running');
  await until('it commits', async () => (await alpha.rows()) > rows);
  assert.equal(await offData(lab, alpha), []);
  for (const role of ROLES) {
    assert.ok(isIsolated(lab, alpha.path(role)));
    assert.equal(besides(lab, alpha.volumes[role]), []);
  }
  assert.equal(storeEntries(lab), { retired: [], staged: [], transactions: [] });
});

test('adopted already: unchanged, and not restarted', async () => {
  const began = await startedAt(lab, alpha.container);
  assert.equal(await convert(lab, 'adopt', ['alpha']), { alpha: 'unchanged' });
  assert.is(await startedAt(lab, alpha.container), began);
});

test('nothing is lost on the way there, into an image and out of it, and back', async () => {
  const describe = async (path: string) => describeTree(lab, path);
  const before = await describe(oddPath());
  if (capturesPlain()) {
    await takeOne(lab, ODD);
    await rolledBack(lab, ODD);
    assert.is(await describe(oddPath()), before, 'a rollback of a plain directory');
  }
  assert.equal(await convert(lab, 'adopt', [ODD]), { [ODD]: 'adopted' });
  assert.is(await describe(oddPath()), before, 'adopt');
  const point = await takeOne(lab, ODD);
  assert.is(await inImage(lab, point, ODD, describe), before, 'an image');
  await rolledBack(lab, ODD);
  assert.is(await describe(oddPath()), before, 'a rollback');
  assert.equal(await convert(lab, 'unadopt', [ODD]), { [ODD]: 'unadopted' });
  assert.is(await describe(oddPath()), before, 'unadopt');
  assert.equal(await isolation(ODD), [false]);
  if (!capturesPlain()) return;
  const plain = await takeOne(lab, ODD);
  assert.is(await inImage(lab, plain, ODD, describe), before, 'an image of a plain directory');
});

test('what is kept aside goes with the snapshots it is kept for, immutable files too', async () => {
  const points = await listed(lab, [ODD]);
  assert.ok(points.some(({ safety }) => safety));
  const due = points.filter(({ safety }) => safety || !capturesPlain());
  const ids = due.flatMap(({ id }) => ['--id', id]);
  const { exitCode, stderr } = await lab.cowherd(['prune', '--yes', '--force', ...ids]);
  assert.is(exitCode, 0, stderr);
  assert.equal(besides(lab, ODD), []);
  assert.equal(storeEntries(lab).retired, []);
});

test('docker volume rm takes the data of an adopted volume, and its snapshots survive', async () => {
  const gamma = await lab.startAgent({ name: 'gamma' });
  await convert(lab, 'adopt', ['gamma']);
  const point = await takeOne(lab, 'gamma');
  await lab.docker(['rm', '-f', gamma.container]);
  const removal = await lab.tryDocker(['volume', 'rm', ...Object.values(gamma.volumes)]);
  // It cannot remove the mount point of a ZFS dataset: it empties it, and fails.
  assert.is(removal.exitCode === 0, lab.filesystem !== 'zfs', removal.stderr);
  assert.not.ok(existsSync(join(gamma.path('workspace'), 'data')));
  assert.equal(
    (await listed(lab, ['gamma'])).map(({ id }) => id),
    [point.id],
  );
  await inImage(lab, point, gamma.volumes.workspace, (image) => {
    assert.ok(existsSync(join(image, 'data/agent.db')));
  });
});

test('a snapshot of the parent by another tool: refused, until one insists', async () => {
  const snapshot = await foreignSnapshot(lab, 'foreign');
  const began = await startedAt(lab, beta.container);
  const argv = ['adopt', 'beta', '--yes', '--json'];
  const refused = await lab.cowherd<ConversionReport>(argv);
  assert.equal([refused.exitCode, codes(refused.json)], [5, ['CONFIRMATION_REQUIRED']]);
  assert.is(await startedAt(lab, beta.container), began);
  assert.equal(await convert(lab, 'adopt', ['beta', '--despite-snapshots']), { beta: 'adopted' });
  await snapshot.remove();
});

test('unadopt: plain directories again, running, and snapshots still go back', async () => {
  writeFileSync(join(alpha.path('workspace'), 'note'), 'then');
  const point = await takeOne(lab, 'alpha');
  writeFileSync(join(alpha.path('workspace'), 'note'), 'now');
  assert.equal(await convert(lab, 'unadopt', ['alpha']), { alpha: 'unadopted' });
  assert.equal(await isolation('alpha'), [false, false, false]);
  assert.is(await stateOf(lab, alpha.container), 'running');
  await backFromPlain(point.id);
  const names = readdirSync(alpha.path('workspace'));
  assert.ok(names.includes('note') && names.includes('data'));
});

/** Where a plain directory cannot be captured, there is no way back from a rollback: refused, until it is adopted again. */
async function backFromPlain(id: string): Promise<void> {
  if (!capturesPlain()) {
    const refused = await refusal(lab, ['rollback', 'alpha', '--yes', '--snapshot', id]);
    assert.equal([refused.exitCode, refused.code], [1, 'TIER_UNSUPPORTED']);
    assert.is(await stateOf(lab, alpha.container), 'running');
    await convert(lab, 'adopt', ['alpha']);
  }
  await rolledBack(lab, 'alpha', ['--snapshot', id]);
}

test('several at once, one refused: exit 3', async () => {
  await lab.docker(['run', '-d', '--rm', '--name', 'fleeting', '--network', 'none', ...onBeta()]);
  const argv = ['unadopt', '--json', '--yes', 'beta', 'alpha'];
  const { exitCode, json } = await lab.cowherd<ConversionReport>(argv);
  assert.equal([exitCode, codes(json)], [3, ['AUTOREMOVE_USER']]);
  const outcome = capturesPlain() ? 'unchanged' : 'unadopted';
  assert.equal(json.results, [{ agent: 'alpha', outcome }]);
});

const onBeta = () => [
  ...['-v', `${beta.volumes.shared}:/in`, 'cowherd-lab/agent:latest'],
  ...['sleep', '1000'],
];

test.run();
