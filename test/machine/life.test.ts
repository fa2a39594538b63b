import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { isAlive } from '../support/lab/processes.ts';
import { until } from '../support/lab/run.ts';
import { requireMachine } from '../support/machine/available.ts';
import { startMachine, type Machine } from '../support/machine/machine.ts';
import { machinePaths, readRecord, removeDeadMachines } from '../support/machine/record.ts';

await requireMachine();

const CLI = join(import.meta.dirname, '../support/machine/cli.ts');
let machine: Machine | undefined;

test.before(async () => {
  machine = await startMachine();
});
test.after(() => machine?.stop());

function inside(...argv: readonly string[]) {
  if (!machine) throw new Error('no machine');
  return machine.run(argv);
}

test('a command in the machine: its streams and its exit status', async () => {
  const script = 'pwd; echo complaint >&2; exit 7';
  const expected = { exitCode: 7, stdout: '/srv/cowherd\n', stderr: 'complaint\n' };
  assert.equal(await inside('sh', '-c', script), expected);
});

test('it has OpenZFS, Docker, and cowherd from this checkout', async () => {
  assert.match((await inside('zfs', 'version')).stdout, /zfs-kmod-2/);
  assert.is((await inside('docker', 'version')).exitCode, 0);
  assert.match((await inside('cowherd', '--version')).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a power cut keeps the pool and what was synced', async () => {
  const make =
    'zpool create -f tank /dev/disk/by-id/virtio-pool && echo kept >/tank/synced && sync';
  assert.equal(await inside('sh', '-c', make), { exitCode: 0, stdout: '', stderr: '' });
  await machine?.reboot({ power: true });
  assert.is((await inside('cat', '/tank/synced')).stdout, 'kept\n');
});

test('an orderly restart brings the pool back', async () => {
  await machine?.reboot();
  assert.is((await inside('zpool', 'list', '-H', '-o', 'name,health')).stdout, 'tank\tONLINE\n');
});

test('a machine dies with who started it, and what it leaves is removed by the next start', async () => {
  const starter = spawn(process.execPath, [CLI, 'run', '--', 'sleep', '600'], { stdio: 'ignore' });
  const isIts = (path: string) =>
    readRecord(machinePaths(dirname(path)))?.owner?.pid === starter.pid;
  const record = () => globSync(join(tmpdir(), 'cowherd-machine-*/machine.json')).find(isIts);
  const qemu = await until(
    'QEMU runs',
    () => {
      const path = record();
      return path === undefined ? undefined : readRecord(machinePaths(dirname(path)))?.qemu;
    },
    { timeoutMs: 60_000 },
  );
  starter.kill('SIGKILL');
  await until('QEMU is gone', () => qemu && !isAlive(qemu));
  await removeDeadMachines();
  assert.is(record(), undefined);
});

test.run();
