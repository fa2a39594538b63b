import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { connectDocker } from '../../src/docker/connect.ts';
import type { Docker } from '../../src/docker/docker.ts';
import { observe } from '../../src/docker/observe.ts';
import { CowherdError } from '../../src/model/errors.ts';
import { agentsConfig } from '../support/fixtures/host.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import type { Lab } from '../support/lab/lab.ts';
import { startLab } from '../support/lab/lab.ts';

let lab: Lab;
let docker: Docker;

test.before(async () => {
  lab = await startLab({ agents: ['alpha', { name: 'beta', sharedFrom: ['alpha'] }] });
  docker = await connectDocker(lab.socket);
});

test.after(async () => {
  await lab.stop();
});

/** A container that only sleeps; its id. */
async function sleeper(name: string, ...args: string[]): Promise<string> {
  const options = ['--network', 'none', '--name', name, ...args];
  return lab.docker(['run', '-d', ...options, AGENT_IMAGE, 'sleep', '1000']);
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
    return 'done';
  } catch (error) {
    if (error instanceof CowherdError) return error.code;
    throw error;
  }
}

test('agents are seen with their volumes, and who else uses them', async () => {
  const { agents, dataRoot, warnings } = await observe(docker, agentsConfig());
  assert.equal(
    agents.map(({ name }) => name),
    ['alpha', 'beta'],
  );
  assert.is(dataRoot, lab.dataRoot);
  assert.equal(warnings, []);
  const shared = agents[0]?.volumes.find(({ role }) => role === 'shared');
  assert.equal(shared?.users, ['agent-alpha', 'agent-beta']);
  assert.is(shared?.mountpoint, `${lab.dataRoot}/volumes/agent-alpha-shared/_data`);
});

test('the daemon tells its data root and version', async () => {
  const info = await docker.info();
  assert.is(info.dataRoot, lab.dataRoot);
  assert.match(info.serverVersion, /^\d+\./);
});

test('a container is found by name and by id, and null when it is gone', async () => {
  const byName = await docker.inspect('agent-alpha');
  assert.is((await docker.inspect(byName?.id ?? ''))?.name, 'agent-alpha');
  assert.ok((byName?.pid ?? 0) > 0);
  assert.is(await docker.inspect('nobody'), null);
  assert.equal(await docker.imageDigests(byName?.imageId ?? ''), []);
});

test('listing and inspecting tell the same', async () => {
  const listed = (await docker.containers()).find(({ name }) => name === 'agent-beta');
  const inspected = await docker.inspect('agent-beta');
  const sorted = (mounts: readonly { destination: string }[] = []) =>
    [...mounts].sort((a, b) => (a.destination < b.destination ? -1 : 1));
  assert.equal(sorted(listed?.mounts), sorted(inspected?.mounts));
  assert.is(listed?.imageId, inspected?.imageId);
  assert.equal(listed?.labels, inspected?.labels);
  assert.is(listed?.networkMode, inspected?.networkMode);
});

test('stop and start are done when they are so already', async () => {
  const id = await sleeper('still', '--stop-timeout', '0');
  await docker.stop(id);
  await docker.stop(id);
  assert.is((await docker.inspect(id))?.state, 'exited');
  await docker.start(id);
  await docker.start(id);
  assert.is((await docker.inspect(id))?.state, 'running');
  assert.is(await codeOf(docker.start('nobody')), 'TOOL_FAILED');
});

test('stop waits for the container’s own timeout before it kills', async () => {
  const id = await sleeper('stubborn', '--stop-timeout', '1');
  await docker.stop(id);
  assert.is((await docker.inspect(id))?.exitCode, 137);
});

test('pause is refused where it is so already, unpause is not', async () => {
  const id = await sleeper('napper');
  await docker.pause(id);
  assert.is((await docker.inspect(id))?.state, 'paused');
  assert.is(await codeOf(docker.pause(id)), 'TOOL_FAILED');
  await docker.unpause(id);
  await docker.unpause(id);
  await docker.unpause('nobody');
  assert.is((await docker.inspect(id))?.state, 'running');
});

test('exec gives the exit and both outputs', async () => {
  const result = await docker.exec(
    'agent-alpha',
    ['sh', '-c', 'echo out; echo err >&2; exit 7'],
    10_000,
  );
  assert.is(result.exitCode, 7);
  assert.match(result.output, 'out');
  assert.match(result.output, 'err');
});

test('exec keeps the last 8 KiB of much output', async () => {
  const script = 'yes 0123456789 | head -c 3000000; echo end';
  const result = await docker.exec('agent-alpha', ['sh', '-c', script], 30_000);
  assert.is(result.exitCode, 0);
  assert.is(Buffer.byteLength(result.output), 8192);
  assert.ok(result.output.endsWith('end\n'));
});

test('exec passes argv as it is, without a shell', async () => {
  const argv = ['printf', '%s|', 'a b', '$(id)', '*', ''];
  assert.is((await docker.exec('agent-alpha', argv, 10_000)).output, 'a b|$(id)|*||');
});

test('exec that takes too long is HOOK_FAILED in time', async () => {
  const started = performance.now();
  assert.is(await codeOf(docker.exec('agent-alpha', ['sleep', '30'], 300)), 'HOOK_FAILED');
  assert.ok(performance.now() - started < 5_000);
});

test('exec in a container that does not run, is paused or is gone is TOOL_FAILED', async () => {
  const id = await sleeper('asleep', '--stop-timeout', '0');
  await docker.pause(id);
  assert.is(await codeOf(docker.exec(id, ['true'], 5_000)), 'TOOL_FAILED');
  await docker.unpause(id);
  await docker.stop(id);
  assert.is(await codeOf(docker.exec(id, ['true'], 5_000)), 'TOOL_FAILED');
  assert.is(await codeOf(docker.exec('nobody', ['true'], 5_000)), 'TOOL_FAILED');
});

test('a command that is not there fails', async () => {
  const result = await docker.exec('agent-alpha', ['/no/such/thing'], 5_000).catch(() => null);
  assert.ok(result === null || result.exitCode !== 0);
});

test('a container in the network of another names it', async () => {
  const id = await sleeper('host-of-net');
  await lab.docker([
    'run',
    '-d',
    '--network',
    'container:host-of-net',
    '--name',
    'guest',
    AGENT_IMAGE,
    'sleep',
    '1000',
  ]);
  assert.equal((await docker.inspect('guest'))?.joins, [id]);
});

test.run();
