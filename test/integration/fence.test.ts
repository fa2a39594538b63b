import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { systemCode, toCowherdError } from '../../src/model/errors.ts';
import { openFence, type Fence } from '../../src/quiesce/fence.ts';
import { argumentsOf, descendantsOf, isAlive, processId } from '../support/lab/processes.ts';
import { until } from '../support/lab/run.ts';
import { requireTools } from '../support/quiesce/available.ts';
import { AGENT, makeVolume, type TestVolume } from '../support/quiesce/volume.ts';

requireTools();

const test = suite<{ volume: TestVolume }>('fence');
const mountsOf = ({ directory }: TestVolume): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory));

test.before(async (context) => {
  context.volume = await makeVolume();
});
test.after(async ({ volume }) => {
  await volume.remove();
});

async function inFence<T>(volume: TestVolume, work: (fence: Fence) => Promise<T>): Promise<T> {
  const fence = await openFence(volume.data, volume.runtimeDir);
  try {
    return await work(fence);
  } finally {
    await fence.close();
  }
}

async function output(fence: Fence, argv: readonly [string, ...string[]]): Promise<string> {
  const options = { uid: AGENT, gid: AGENT, input: '', timeoutMs: 5_000, okExits: [1, 2] };
  const { stdout, stderr } = await fence.run({ ...options, argv });
  return stdout + stderr;
}

test('inside there are the volume and the system, no way out, and no privilege', async ({
  volume,
}) => {
  writeFileSync(join(volume.data, 'mine'), 'x');
  chownSync(join(volume.data, 'mine'), AGENT, AGENT);
  const before = mountsOf(volume);
  await inFence(volume, async (fence) => {
    const root = (await output(fence, ['ls', '/'])).trim().split('\n');
    const allowed = ['bin', 'empty', 'gnu', 'lib', 'lib32', 'lib64', 'nix', 'sbin', 'usr', 'v'];
    assert.equal(
      root.filter((name) => !allowed.includes(name)),
      [],
    );
    assert.is(await output(fence, ['pwd']), '/v\n');
    assert.match(await output(fence, ['touch', '/x', '/usr/x']), /Permission|Read-only/);
    assert.is(await output(fence, ['touch', '/v/mine']), '');
    const status = await output(fence, ['setpriv', '--dump']);
    assert.match(status, /uid: 1000\neuid: 1000\ngid: 1000\negid: 1000\n/);
    assert.match(status, /Supplementary groups: \[none\]\nno_new_privs: 1\n/);
    assert.match(status, /Capability bounding set: \[none\]/);
  });
  assert.equal(mountsOf(volume), before);
});

test('nobody runs anything as root or its group, or as the id that changes nothing', async ({
  volume,
}) => {
  await inFence(volume, async (fence) => {
    for (const id of [0, -1, 1.5, 0xffff_ffff, Number.NaN]) {
      for (const user of [
        { uid: id, gid: AGENT },
        { uid: AGENT, gid: id },
      ]) {
        const command = { ...user, argv: ['id'] as const, input: '', timeoutMs: 1_000 };
        const code = await fence.run(command).catch((error: unknown) => systemCode(error));
        assert.is(code, 'INTERNAL', JSON.stringify(user));
      }
    }
  });
});

test('a command that does not end is killed, and closing ends what still runs', async ({
  volume,
}) => {
  const own = processId(process.pid);
  assert.ok(own);
  const left = () => descendantsOf([own]).filter(({ pid }) => argumentsOf(pid).includes('117'));
  const command = { uid: AGENT, gid: AGENT, argv: ['sleep', '117'] as const, input: '' };
  const fence = await openFence(volume.data, volume.runtimeDir);
  const timedOut = await fence
    .run({ ...command, timeoutMs: 300 })
    .catch((error: unknown) => toCowherdError(error).details);
  assert.equal((timedOut as Record<string, unknown>)['timedOut'], true);
  await until('the sleep is gone', () => left().length === 0);
  const running = fence.run({ ...command, timeoutMs: 60_000 }).catch(() => 'ended');
  await until('it sleeps', () => left().length > 0);
  await fence.close();
  assert.is(await running, 'ended');
  assert.is(left().length, 0);
});

test('when we are killed everything inside ends, and nothing stays mounted', async ({ volume }) => {
  const before = mountsOf(volume);
  const program = join(import.meta.dirname, '../support/quiesce/fence-program.ts');
  const child = spawn(process.execPath, [program, volume.data, volume.runtimeDir], {
    stdio: 'inherit',
  });
  const id = processId(child.pid ?? 0);
  assert.ok(id);
  const asleep = () => descendantsOf([id]).some(({ pid }) => argumentsOf(pid)[0] === 'sleep');
  await until('the program sleeps in its fence', asleep);
  const family = descendantsOf([id]);
  assert.ok(family.length >= 4, 'unshare, cat, nsenter, sleep');
  child.kill('SIGKILL');
  await once(child, 'close');
  await until('all of it has ended', () => !family.some(isAlive), { timeoutMs: 3_000 });
  assert.equal(mountsOf(volume), before);
});

test.run();
