import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { createGuard } from '../../src/quiesce/guard.ts';
import { liveProcess } from '../../src/quiesce/proc.ts';
import { thawRecorded } from '../../src/quiesce/thaw-recorded.ts';
import { requireFreezer } from '../support/freeze/available.ts';
import { startPlain, type PlainContainer } from '../support/freeze/container.ts';
import { plainPort } from '../support/freeze/port.ts';
import { startClient, type Client } from '../support/freeze/run-client.ts';
import { sleep, until } from '../support/lab/run.ts';

requireFreezer();

interface Context {
  container: PlainContainer;
  runtimeDir: string;
  clients: Client[];
  client: (maxFreezeMs?: number) => Promise<Client>;
}

const guarding = suite<Context>('guard');

guarding.before.each(async (context) => {
  context.container = await startPlain();
  context.runtimeDir = mkdtempSync(join(tmpdir(), 'guard-'));
  context.clients = [];
  context.client = async (maxFreezeMs = 20_000) => {
    const { container, runtimeDir } = context;
    const client = await startClient(container, { runtimeDir, maxFreezeMs });
    context.clients.push(client);
    return client;
  };
});
guarding.after.each(async ({ container, runtimeDir, clients }) => {
  for (const { process: child, ended } of clients) {
    child.kill('SIGKILL');
    await ended();
  }
  for (const { guardPid } of clients) await gone(guardPid);
  await container.remove();
  rmSync(runtimeDir, { recursive: true });
});

guarding(
  'a client that is killed leaves its container running within a second',
  async (context) => {
    const { container } = context;
    const client = await context.client();
    assert.ok(container.frozen());
    const killed = Date.now();
    client.process.kill('SIGKILL');
    await until('thawed', () => !container.frozen(), { everyMs: 1 });
    assert.ok(Date.now() - killed < 1_000);
    assert.ok(await container.counts());
    await gone(client.guardPid);
    assert.equal(records(context), [], 'the guard has removed the record');
  },
);

guarding('the guard ignores TERM, INT, HUP and QUIT', async ({ container, client }) => {
  const { guardPid, process: child } = await client();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
    process.kill(guardPid, signal);
  }
  await sleep(200);
  assert.ok(liveProcess(guardPid));
  assert.ok(container.frozen());
  child.kill('SIGKILL');
  await until('thawed', () => !container.frozen(), { everyMs: 5 });
});

guarding('a client that is stopped is thawed by the clock of the guard', async (context) => {
  const { container } = context;
  const client = await context.client(400);
  client.process.kill('SIGSTOP');
  assert.ok(container.frozen());
  await until('thawed', () => !container.frozen(), { everyMs: 5, timeoutMs: 2_000 });
  client.process.kill('SIGCONT');
  await client.ended();
  assert.is(client.lastWord(), 'FREEZE_TIMEOUT');
  assert.equal(records(context), []);
});

guarding('a freeze that comes after the guard has fired is thawed too', async (context) => {
  const { container } = context;
  const client = await context.client(300);
  client.process.kill('SIGSTOP');
  await until('thawed', () => !container.frozen(), { everyMs: 5, timeoutMs: 2_000 });
  await container.freeze();
  await until('thawed again', () => !container.frozen(), { everyMs: 5, timeoutMs: 2_000 });
});

guarding('without its guard a capture is given up, and thawed by its client', async (context) => {
  const client = await context.client();
  process.kill(client.guardPid, 'SIGKILL');
  await client.ended();
  assert.is(client.lastWord(), 'GUARD_LOST');
  assert.ok(await context.container.counts());
  assert.equal(records(context), []);
});

guarding('what neither client nor guard could thaw is thawed by its record', async (context) => {
  const { container, runtimeDir } = context;
  const client = await context.client();
  client.process.kill('SIGSTOP');
  process.kill(client.guardPid, 'SIGKILL');
  const port = plainPort([container]);
  const ask = (liveOwners: 'too' | 'skip') => thawRecorded({ runtimeDir, liveOwners, port });
  assert.equal((await ask('skip')).results, [], 'its owner lives');
  assert.ok(container.frozen());
  client.process.kill('SIGKILL');
  await client.ended();
  const result = { containerId: container.id, name: container.name, outcome: 'thawed' };
  assert.equal((await ask('skip')).results, [result]);
  assert.ok(await container.counts());
  assert.equal(records(context), []);
});

guarding('thaw ends the freeze of a living client, which then fails', async (context) => {
  const { container, runtimeDir } = context;
  const client = await context.client(1_000);
  const port = plainPort([container]);
  const { results } = await thawRecorded({ runtimeDir, liveOwners: 'too', port });
  assert.is(results[0]?.outcome, 'thawed');
  assert.ok(await container.counts());
  assert.equal(records(context).length, 1, 'the record belongs to its owner');
  await client.ended();
  assert.is(client.lastWord(), 'FREEZE_TIMEOUT');
});

guarding('the guard has a session of its own, no place and nothing of ours', async ({ client }) => {
  const { guardPid } = await client();
  const proc = `/proc/${guardPid}`;
  const session = readFileSync(`${proc}/stat`, 'utf8').split(') ')[1]?.split(' ')[3];
  assert.is(Number(session), guardPid);
  assert.is(readlinkSync(`${proc}/cwd`), '/');
  assert.is(readlinkSync(`${proc}/fd/2`), '/dev/null');
  const files = readdirSync(`${proc}/fd`).map((fd) => readlinkSync(`${proc}/fd/${fd}`));
  const foreign = files.filter((file) => file.startsWith('/') && file !== '/dev/null');
  assert.equal(foreign, []);
});

guarding('a guard that is closed ends, and the next use starts another', async () => {
  const guard = createGuard();
  const first = guard.start();
  assert.is(guard.start(), first);
  guard.close();
  await gone(first);
  const second = guard.start();
  assert.is.not(second, first);
  guard.close();
  await gone(second);
});

async function gone(pid: number): Promise<void> {
  await until('the end of the guard', () => liveProcess(pid) === null, { everyMs: 5 });
}

function records({ runtimeDir }: Context): string[] {
  const directory = join(runtimeDir, 'frozen');
  return existsSync(directory) ? readdirSync(directory) : [];
}

guarding.run();
