import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { AgentDocument } from '../../src/usecases/agents.ts';
import {
  codes,
  convert,
  listed,
  makeCapturable,
  rollback,
  rolledBack,
  take,
  takeOne,
} from '../support/cycle/commands.ts';
import { expectConsistent, inImage } from '../support/cycle/images.ts';
import { addDisk, type Disk } from '../support/cycle/second-disk.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { capturesPlain } from '../support/lab/record.ts';
import { storeEntries } from '../support/store.ts';

requireLab();

let lab: Lab;
let disk: Disk;
let alpha: Agent;
/** A directory that is an agent by itself, one that goes with alpha, and one on another filesystem that does too. */
let own: string;
let joined: string;
let far: string;
let options: { config: string };

test.before(async () => {
  lab = await startLab();
  disk = await addDisk(lab);
  alpha = await lab.startAgent({ name: 'alpha' });
  own = join(lab.mnt, 'srv/platform');
  joined = join(lab.mnt, 'srv/joined');
  far = join(disk.mnt, 'data');
  for (const path of [own, joined, far]) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'file'), 'then');
  }
  const paths = [
    { agent: 'platform', path: own },
    { agent: 'alpha', path: joined },
    { agent: 'alpha', path: far },
  ];
  options = { config: lab.writeConfig('paths', { agents: { paths } }) };
});

test.after(async () => {
  await disk.remove();
  await lab.stop();
});

const file = (path: string) => readFileSync(join(path, 'file'), 'utf8');

test('listed directories are volumes: of an agent of their own, and of one that Docker has', async () => {
  const { json } = await lab.cowherd<{ agents: AgentDocument[] }>(['agents', '--json'], options);
  const volumes = Object.fromEntries(
    json.agents.map((agent) => [agent.name, agent.volumes.map(({ name }) => name)]),
  );
  assert.equal(volumes, {
    alpha: [far, joined, ...Object.values(alpha.volumes)].sort(),
    platform: [own],
  });
});

test('all are captured; an agent across two filesystems is one restore point', async () => {
  await makeCapturable(lab, ['alpha', 'platform'], options);
  const { snapshots } = await take(lab, [], options);
  assert.equal(snapshots.map(({ agent }) => agent).sort(), ['alpha', 'platform']);
  const mine = snapshots.find(({ agent }) => agent === 'alpha');
  assert.ok(mine);
  assert.is(mine.volumes.length, 5);
  await expectConsistent(lab, mine);
  for (const path of [joined, far]) assert.is(await inImage(lab, mine, path, file), 'then');
  assert.is((await listed(lab, ['alpha'], options)).length, 1);
});

test('an agent without containers is at rest', async () => {
  const point = await takeOne(lab, 'platform', [], options);
  assert.ok(point.atRest);
  assert.is(point.frozenMs, 0);
});

for (const kind of capturesPlain() ? ['plain', 'isolated'] : ['isolated']) {
  test(`a rollback takes the directories with it, on both filesystems: ${kind}`, async () => {
    if (kind === 'isolated') {
      const outcome = capturesPlain() ? 'adopted' : 'unchanged';
      const outcomes = await convert(lab, 'adopt', ['alpha', 'platform'], options);
      assert.equal(outcomes, { alpha: outcome, platform: outcome });
    }
    for (const path of [joined, far, own]) writeFileSync(join(path, 'file'), 'then');
    await take(lab, [], options);
    for (const path of [joined, far, own]) writeFileSync(join(path, 'file'), 'now');
    const { safety, agentState } = await rolledBack(lab, 'alpha', [], options);
    assert.is(agentState, 'running');
    assert.equal([joined, far, own].map(file), ['then', 'then', 'now']);
    await rolledBack(lab, 'platform', [], options);
    assert.is(file(own), 'then');
    await rolledBack(lab, 'alpha', ['--snapshot', safety ?? ''], options);
    assert.equal([joined, far].map(file), ['now', 'now']);
  });
}

test('what they retired goes with the snapshots it is kept for, on both filesystems', async () => {
  const points = await listed(lab, [], options);
  const due = points.filter(({ safety }) => safety || !capturesPlain());
  const ids = due.flatMap(({ id }) => ['--id', id]);
  const argv = ['prune', '--yes', '--force', ...ids];
  const { exitCode, stderr } = await lab.cowherd(argv, options);
  assert.is(exitCode, 0, stderr);
  for (const one of [lab, disk])
    assert.equal(storeEntries(one), { retired: [], staged: [], transactions: [] });
  for (const directory of [disk.mnt, join(lab.mnt, 'srv')])
    assert.equal(
      readdirSync(directory).filter((name) => name.startsWith('.cowherd-')),
      [],
    );
  await take(lab, [], options);
});

test('a process of this host that uses a directory: refused, and only crash-consistent', async () => {
  const user = spawn('sleep', ['1000'], { cwd: own, stdio: 'ignore' });
  try {
    const { exitCode, json } = await rollback(lab, 'platform', [], options);
    assert.is(exitCode, 5);
    assert.equal(codes(json), ['OTHER_USERS']);
    assert.match(json.failures[0]?.message ?? '', String(user.pid));
    const argv = ['unadopt', 'platform', '--yes', '--json'];
    assert.is((await lab.cowherd(argv, options)).exitCode, 5);
    const point = await takeOne(lab, 'platform', [], options);
    assert.equal([point.grade, point.atRest], ['crash', false]);
  } finally {
    user.kill();
  }
});

test('docker: none works with the listed directories alone', async () => {
  const docker = 'none';
  const paths = [{ agent: 'platform', path: own }];
  const without = { config: lab.writeConfig('without', { docker, agents: { paths } }) };
  writeFileSync(join(own, 'file'), 'then');
  const { snapshots } = await take(lab, [], without);
  assert.equal(
    snapshots.map(({ agent }) => agent),
    ['platform'],
  );
  writeFileSync(join(own, 'file'), 'now');
  const { agentState } = await rolledBack(lab, 'platform', [], without);
  assert.is(agentState, 'stopped');
  assert.is(file(own), 'then');
  assert.equal(await convert(lab, 'unadopt', ['platform'], without), { platform: 'unadopted' });
  const { exitCode } = await lab.cowherd(['recover'], without);
  assert.is(exitCode, 0);
});

test('a listed directory that is not there is skipped, and named alone a failure', async () => {
  const paths = [
    { agent: 'platform', path: own },
    { agent: 'nowhere', path: join(lab.mnt, 'srv/nowhere') },
  ];
  const config = lab.writeConfig('missing', { docker: 'none', agents: { paths } });
  await makeCapturable(lab, ['platform'], { config });
  const { snapshots, skipped } = await take(lab, [], { config });
  assert.equal([snapshots.length, skipped.length], [1, 1]);
  const named = await lab.cowherd<{ failures: never[] }>(['snapshot', 'nowhere', '--json'], {
    config,
  });
  assert.equal([named.exitCode, codes(named.json)], [1, ['TIER_UNSUPPORTED']]);
  assert.ok(existsSync(own));
});

test('a bind-type volume is captured and rolled back where its data are', async () => {
  const device = join(lab.mnt, 'srv/bound');
  mkdirSync(device);
  const flags = ['type=none', 'o=bind', `device=${device}`].flatMap((flag) => ['--opt', flag]);
  await lab.docker(['volume', 'create', '--driver', 'local', ...flags, 'bound']);
  writeFileSync(join(device, 'file'), 'then');
  await makeCapturable(lab, ['bound']);
  const point = await takeOne(lab, 'bound');
  assert.is(await inImage(lab, point, 'bound', file), 'then');
  writeFileSync(join(device, 'file'), 'now');
  await rolledBack(lab, 'bound');
  assert.is(file(device), 'then');
});

test.run();
