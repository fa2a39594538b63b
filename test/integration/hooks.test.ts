import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { codes, listed, take, takeOne } from '../support/cycle/commands.ts';
import { inRole, text } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { expectNoHalves } from '../support/store.ts';

requireLab();

let lab: Lab;
let alpha: Agent;
let log: string;

test.before(async () => {
  lab = await startLab({ agents: [{ name: 'beta', capturable: true }] });
  alpha = await lab.startAgent({ name: 'alpha', capturable: true });
  log = join(lab.root, 'hooks.log');
});

test.before.each(() => {
  writeFileSync(log, '');
});

test.after(async () => {
  await lab.stop();
});

interface Hook {
  readonly container: boolean | string;
  readonly pre?: readonly string[];
  readonly post?: readonly string[];
  readonly timeout?: string;
  readonly onError?: 'fail' | 'continue';
}

/** A configuration with these hooks for alpha alone. */
function hooked(hooks: readonly Hook[]): { config: string } {
  const policies = [{ agents: ['alpha'], quiesce: { hooks } }];
  return { config: lab.writeConfig('hooked', { policies }) };
}

/** Says its name, and who and what phase it is, in the log; then `more`. */
const say = (name: string, more = '') => [
  'sh',
  '-c',
  `echo "$0 $COWHERD_AGENT $COWHERD_PHASE" >>"$1"; ${more}`,
  ...[name, log],
];
const said = () => readFileSync(log, 'utf8').trim().split('\n').filter(Boolean);

async function fails(hooks: readonly Hook[], agents: readonly string[] = ['alpha']) {
  const argv = ['snapshot', '--json', ...agents];
  return lab.cowherd<SnapshotReport>(argv, hooked(hooks));
}

test('on the host: pre in order, post in reverse, both know the agent', async () => {
  const options = hooked([
    { container: false, pre: say('a'), post: say('A') },
    { container: false, pre: say('b'), post: say('B') },
  ]);
  await takeOne(lab, 'alpha', [], options);
  assert.equal(said(), ['a alpha pre', 'b alpha pre', 'B alpha post', 'A alpha post']);
});

test('in the container: before the capture, and after it', async () => {
  const write = (what: string) => ['sh', '-c', `echo ${what} >>/home/developer/hook`];
  const options = hooked([{ container: true, pre: write('pre'), post: write('post') }]);
  const point = await takeOne(lab, 'alpha', [], options);
  assert.is(await inRole(lab, point, 'workspace', (image) => text(image, 'hook')), 'pre\n');
  assert.is(readFileSync(join(alpha.path('workspace'), 'hook'), 'utf8'), 'pre\npost\n');
});

test('by the name of a container: that one alone', async () => {
  const touch = (name: string) => ['touch', `/home/developer/${name}`];
  const options = hooked([
    { container: alpha.container, pre: touch('mine') },
    { container: 'agent-beta', pre: touch('theirs') },
  ]);
  await takeOne(lab, 'alpha', [], options);
  assert.ok(existsSync(join(alpha.path('workspace'), 'mine')));
  assert.not.ok(existsSync(join(alpha.path('workspace'), 'theirs')));
});

for (const container of [true, false]) {
  const where = container ? 'in the container' : 'on the host';

  test(`a pre hook that fails ${where}: no snapshot, and post runs anyway`, async () => {
    const count = (await listed(lab)).length;
    const { exitCode, json } = await fails([
      { container, pre: ['sh', '-c', 'exit 7'] },
      { container: false, pre: say('never'), post: say('after') },
    ]);
    assert.equal([exitCode, codes(json)], [1, ['HOOK_FAILED']]);
    assert.equal(said(), ['after alpha post']);
    assert.is((await listed(lab)).length, count);
    expectNoHalves(lab);
  });

  test(`one that does not end ${where}: the same, in time`, async () => {
    const begin = Date.now();
    const { exitCode, json } = await fails([
      { container, pre: ['sleep', '60'], timeout: '500ms' },
      { container: false, post: say('after') },
    ]);
    assert.equal([exitCode, codes(json)], [1, ['HOOK_FAILED']]);
    assert.equal(said(), ['after alpha post']);
    assert.ok(Date.now() - begin < 20_000);
  });

  test(`onError continue ${where}: the snapshot is taken`, async () => {
    const { snapshots } = await take(
      lab,
      ['alpha'],
      hooked([{ container, pre: ['false'], post: ['false'], onError: 'continue' }]),
    );
    assert.is(snapshots.length, 1);
  });
}

test('a program that is not there is a failed hook', async () => {
  for (const container of [true, false]) {
    const { exitCode, json } = await fails([{ container, pre: ['/no/such/program'] }]);
    assert.equal([exitCode, codes(json)], [1, ['HOOK_FAILED']]);
  }
});

test('a post hook that fails: the snapshot is there, and so is the failure', async () => {
  const { exitCode, json } = await fails([{ container: false, post: ['false'] }]);
  assert.equal([exitCode, codes(json)], [3, ['HOOK_FAILED']]);
  assert.is(json.snapshots.length, 1);
  assert.is((await listed(lab, ['alpha']))[0]?.id, json.snapshots[0]?.id);
});

test('one agent whose hook fails does not stop the others', async () => {
  const { exitCode, json } = await fails([{ container: false, pre: ['false'] }], []);
  assert.equal([exitCode, codes(json)], [3, ['HOOK_FAILED']]);
  assert.equal(
    json.snapshots.map(({ agent }) => agent),
    ['beta'],
  );
});

test('a stopped container has nothing to quiesce', async () => {
  await lab.docker(['stop', alpha.container]);
  appendFileSync(log, '');
  const point = await takeOne(lab, 'alpha', [], hooked([{ container: true, pre: ['false'] }]));
  assert.ok(point.atRest);
  rmSync(log);
});

test.run();
