import { writeFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { runDaemon, type DaemonHost } from '../../../src/daemon/daemon.ts';
import { bareHost, type Bare } from '../../support/api/context.ts';

const test = suite<{ host: Bare }>('the daemon by itself');

test.before.each(async (context) => {
  context.host = await bareHost();
});
test.after.each(({ host }) => {
  host.remove();
});

interface Started {
  readonly done: Promise<void>;
  readonly reload: () => void;
  readonly stop: () => void;
  readonly said: string[];
}

/** A daemon of this process that has somebody to tell. */
function start({ context }: Bare): Started {
  const ended = new AbortController();
  const listeners: (() => void)[] = [];
  const said: string[] = [];
  const fresh = async () => {
    const made = await context();
    const notify = { ...made.config.notify, command: ['true'] as const };
    return { ...made, config: { ...made.config, notify }, interrupt: ended.signal };
  };
  const host: DaemonHost = {
    load: () => Promise.resolve(fresh as never),
    interrupt: ended.signal,
    onReload: (listener) => listeners.push(listener),
    env: {},
    tell: (line) => said.push(line),
    version: '0',
  };
  return {
    done: runDaemon(host),
    reload: () => listeners.forEach((listener) => listener()),
    stop: () => ended.abort(),
    said,
  };
}

const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

async function said({ said: lines }: Started, text: string, count = 1): Promise<void> {
  for (let turn = 0; lines.filter((line) => line.includes(text)).length < count; turn += 1) {
    if (turn > 400) throw new Error(`never said: ${text}\n${lines.join('\n')}`);
    await sleep(25);
  }
}

test('one that cannot serve its API leaves nothing behind that keeps its process', async ({
  host,
}) => {
  mkdirSync(dirname(host.socket), { recursive: true });
  writeFileSync(host.socket, 'something else');
  const before = timers();
  const daemon = start(host);
  const error = await daemon.done.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.is((error as { code?: string } | null)?.code, 'CONFIG_INVALID');
  assert.is(timers(), before);
});

test('however many SIGHUPs come at once, and whenever the end does, nothing is left', async ({
  host,
}) => {
  const before = timers();
  const daemon = start(host);
  await said(daemon, 'ready');
  for (let time = 0; time < 3; time += 1) daemon.reload();
  await said(daemon, 'read anew', 3);
  daemon.reload();
  daemon.stop();
  await daemon.done;
  await sleep(100);
  assert.is(timers(), before);
});

test.run();
