import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { loops, mounts } from '../support/lab/mounts.ts';
import { isAlive, processId, processesWithArgument } from '../support/lab/processes.ts';
import { labNames, labPaths, readRecord } from '../support/lab/record.ts';
import { must, sleep, until } from '../support/lab/run.ts';
import { stopLab } from '../support/lab/stop.ts';

requireLab();

const CLI = resolve(import.meta.dirname, '../support/lab/cli.ts');

function assertGone(root: string, uuid = 'none'): void {
  assert.not.ok(existsSync(root), root);
  assert.equal(
    loops().filter(({ file }) => file.startsWith(`${root}/`)),
    [],
  );
  assert.equal(
    mounts().filter(({ target }) => target.startsWith(`${root}/`)),
    [],
  );
  assert.not.ok(existsSync(`/run/cowherd/fs/${uuid}`));
  assert.equal(processesWithArgument('dockerd', `--pidfile=${root}/docker.pid`), []);
  const address = `${root}/exec/containerd/containerd.sock`;
  assert.equal(processesWithArgument('containerd-shim-runc-v2', address), []);
}

const pair = suite<{ labs: Lab[] }>('lab: two side by side', { labs: [] });

pair.before(async (context) => {
  const layouts = ['top', 'subvol'] as const;
  const starts = layouts.map((layout) => startLab({ layout, agents: ['alpha'] }));
  context.labs = await Promise.all(starts);
});
pair.after(async ({ labs }) => {
  await Promise.all(labs.map((lab) => lab.stop()));
});

pair('agents of one name live apart and commit', async ({ labs }) => {
  const agents = await Promise.all(labs.map((lab) => lab.startAgent({ name: 'beta' })));
  const before = await Promise.all(agents.map((agent) => agent.rows()));
  await sleep(500);
  const after = await Promise.all(agents.map((agent) => agent.rows()));
  for (const [index, rows] of after.entries()) assert.ok(rows > (before[index] ?? 0) + 5);
  for (const lab of labs) {
    const names = await lab.docker(['ps', '--format', '{{.Names}}']);
    assert.equal(names.split('\n').sort(), ['agent-alpha', 'agent-beta']);
  }
});

pair('volumes have the names, labels and owner of the model user', async ({ labs }) => {
  const format = '{{index .Labels "trinity.platform"}} {{index .Labels "trinity.agent-name"}}';
  for (const lab of labs) {
    for (const role of ['workspace', 'public', 'shared']) {
      const name = `agent-alpha-${role}`;
      const said = await lab.docker(['volume', 'inspect', '--format', format, name]);
      assert.is(said, `agent-${role} alpha`);
    }
    const who = await lab.docker(['exec', 'agent-alpha', 'stat', '-c', '%u', '/home/developer']);
    assert.is(who, '1000');
  }
});

pair('the layouts are what they say', async ({ labs }) => {
  const [top, subvol] = labs as [Lab, Lab];
  assert.is(await must(['findmnt', '-no', 'FSROOT', '--mountpoint', top.mnt]), '/');
  assert.is(await must(['findmnt', '-no', 'FSROOT', '--mountpoint', subvol.mnt]), '/@docker');
  assert.is(await must(['findmnt', '-no', 'UUID', '--mountpoint', top.mnt]), top.fsUuid);
  assert.is(await subvol.docker(['info', '--format', '{{.DockerRootDir}}']), subvol.dataRoot);
});

pair('docker stop needs no kill: the agent says goodbye', async ({ labs: [lab] }) => {
  assert.ok(lab);
  const agent = await lab.startAgent({ name: 'gamma', sharedFrom: ['alpha'] });
  assert.ok(existsSync(join(agent.path('workspace'), 'shared-in/alpha')));
  const begin = Date.now();
  await lab.docker(['stop', agent.container]);
  assert.ok(Date.now() - begin < 5000);
  const code = await lab.docker(['inspect', '--format', '{{.State.ExitCode}}', agent.container]);
  assert.is(code, '0');
  assert.ok(existsSync(join(agent.path('workspace'), 'sigterm')));
  const seq = agent.seq();
  assert.ok(seq.workspace - seq.public <= 1);
  assert.is(readFileSync(join(agent.path('workspace'), 'data/sqlite.err'), 'utf8'), '');
});

pair('a health check fails when the test says so', async ({ labs: [lab] }) => {
  assert.ok(lab);
  const agent = await lab.startAgent({ name: 'delta', healthcheck: { retries: 1 } });
  const health = () =>
    lab.docker(['inspect', '--format', '{{.State.Health.Status}}', agent.container]);
  await until('healthy', async () => (await health()) === 'healthy');
  writeFileSync(join(agent.path('workspace'), 'unhealthy'), '');
  await until('unhealthy', async () => (await health()) === 'unhealthy');
});

pair('stop leaves nothing, neither a frozen container nor the private mount', async ({ labs }) => {
  for (const lab of labs) {
    const pid = await lab.docker(['inspect', '--format', '{{.State.Pid}}', 'agent-beta']);
    freeze(pid);
    const mount = `/run/cowherd/fs/${lab.fsUuid}`;
    mkdirSync(mount, { recursive: true });
    await must(['mount', '-o', 'subvolid=5', lab.device, mount]);
  }
  await Promise.all(labs.map((lab) => lab.stop()));
  for (const lab of labs) assertGone(lab.root, lab.fsUuid);
});

function freeze(pid: string): void {
  const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  const v1 = /^\d+:freezer:(.*)$/m.exec(cgroups)?.[1];
  const v2 = /^0::(.*)$/m.exec(cgroups)?.[1] ?? '';
  if (v1) writeFileSync(`/sys/fs/cgroup/freezer${v1}/freezer.state`, 'FROZEN');
  else writeFileSync(`/sys/fs/cgroup${v2}/cgroup.freeze`, '1');
}

pair.run();

const crash = suite('lab: crashes');

crash('stop works after the daemons were killed', async () => {
  const lab = await startLab({ fs: 'ext4', size: '1G', agents: ['alpha'] });
  const record = readRecord(labPaths(lab.name));
  for (const id of [record?.dockerd, record?.containerd]) process.kill(id?.pid ?? 0, 'SIGKILL');
  await lab.stop();
  assertGone(lab.root);
});

crash('stop works at whatever moment the starter was killed', async () => {
  for (const moment of ['lab.json', 'disk.img', 'mnt', 'docker.pid', 'docker.sock', 'image.tar']) {
    const { root, child } = startElsewhere('halfway');
    await until(moment, () => existsSync(join(root, moment)), { everyMs: 1 });
    child.kill('SIGKILL');
    await new Promise((done) => child.on('exit', done));
    await stopLab('halfway');
    assertGone(root);
  }
});

crash('a start that is interrupted cleans up by itself', async () => {
  const { root, child } = startElsewhere('interrupted');
  await until('dockerd', () => existsSync(join(root, 'docker.pid')), { everyMs: 1 });
  child.kill('SIGTERM');
  assert.is(await new Promise((done) => child.on('exit', done)), 143);
  assertGone(root);
});

crash('a start that fails leaves nothing', async () => {
  try {
    await startLab({ name: 'small', size: '1M' });
    assert.unreachable('a file system of 1 MiB');
  } catch (error) {
    assert.match(String(error), 'mkfs.btrfs');
  }
  assertGone(labPaths('small').root);
});

function startElsewhere(name: string) {
  const argv = [CLI, 'start', name, '--size', '1G', '--no-agents'];
  return { root: labPaths(name).root, child: spawn(process.execPath, argv, { stdio: 'ignore' }) };
}

crash('the lab outlives scripts/lab start, and scripts/lab stop ends it', async () => {
  const cli = (...args: string[]) => must([process.execPath, CLI, ...args]);
  await cli('start', 'kept', '--fs', 'xfs', '--no-agents');
  assert.match(await cli('list'), /kept\tup\txfs/);
  const script = `${await cli('env', 'kept')}\ndocker info >/dev/null && cat "$COWHERD_CONFIG"\n`;
  assert.match(await must(['sh'], { input: script }), 'lab-kept');
  await cli('stop', 'kept');
  assertGone(labPaths('kept').root);
  assert.not.ok(labNames().includes('kept'));
});

crash('a process is known by its start time too', () => {
  const self = processId(process.pid);
  assert.ok(self && isAlive(self));
  assert.not.ok(isAlive({ pid: process.pid, startTicks: 1 }));
});

crash.run();
