import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { watchDocker } from '../../../src/daemon/watch-docker.ts';
import type { Docker } from '../../../src/docker/docker.ts';
import type { DockerEvent } from '../../../src/docker/events.ts';
import { bareHost, type Bare } from '../../support/api/context.ts';
import { suite } from '../../support/suite.ts';

const test = suite<{ host: Bare }>('what Docker does');

test.before.each(async (context) => {
  context.host = await bareHost();
});
test.after.each(({ host }) => {
  host.remove();
});

/** A Docker without containers on which one starts all the time; when it was asked for them, in ms since it began. */
function busyDocker(root: string, everyMs: number) {
  const began = performance.now();
  const asked: number[] = [];
  async function* events(signal: AbortSignal): AsyncGenerator<DockerEvent, void> {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      yield { type: 'container', action: 'start', id: 'x' };
    }
  }
  const info = { serverVersion: '28', storageDriver: 'overlay2', liveRestore: false };
  const docker: Partial<Docker> = {
    events,
    info: () => Promise.resolve({ ...info, dataRoot: root }),
    volumes: () => Promise.resolve([]),
    containers: () => {
      asked.push(performance.now() - began);
      return Promise.resolve([]);
    },
  };
  return { docker: docker as Docker, asked };
}

test('it is looked at also where it is never quiet', async ({ host }) => {
  const { docker, asked } = busyDocker(host.root, 250);
  const ended = new AbortController();
  const said: string[] = [];
  const watching = watchDocker({
    context: async () => ({ ...(await host.context()), docker: () => Promise.resolve(docker) }),
    interrupt: ended.signal,
    isTaken: () => false,
    captured: () => undefined,
    tell: (line) => said.push(line),
  });
  await sleep(7_000);
  ended.abort();
  await watching;
  assert.equal(said, []);
  assert.ok(
    asked.some((ms) => ms < 1_000),
    'at first',
  );
  assert.ok(
    asked.some((ms) => ms > 4_000),
    `and again: ${asked.join(' ')}`,
  );
});

test.run();
