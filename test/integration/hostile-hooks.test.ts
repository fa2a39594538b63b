import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { codes } from '../support/cycle/commands.ts';
import { watchMemory } from '../support/hostile/memory.ts';
import { requireLab } from '../support/lab/available.ts';
import { MAIN } from '../support/lab/cowherd.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { endProcess, processesWithArgument, processId } from '../support/lab/processes.ts';

requireLab();

const test = suite<{ lab: Lab }>('hostile hooks');
/** Where the image has a directory that anybody may write to. */
const IN_CONTAINER = '/tmp/left';
const MOST_BYTES = 512 * 1024 ** 2;
const MOST_MS = EMULATED ? 600_000 : 60_000;

test.before(async (context) => {
  context.lab = await startLab({ agents: [{ name: 'alpha', capturable: true }] });
});
test.after(async ({ lab }) => {
  await lab.stop();
});

async function snapshot(lab: Lab, container: boolean, script: string, timeout: string) {
  const pre = ['sh', '-c', script];
  const hooks = [{ container, pre, timeout }];
  const config = lab.writeConfig('hooked', { quiesce: { hooks } });
  const begun = performance.now();
  const memory = watchMemory(() => processesWithArgument('node', MAIN));
  const options = { config, timeoutMs: MOST_MS };
  const command = await lab.cowherd<SnapshotReport>(['snapshot', '--json', 'alpha'], options);
  const peakBytes = memory.stop();
  assert.ok(performance.now() - begun < MOST_MS, 'in bounded time');
  assert.ok(peakBytes > 0 && peakBytes < MOST_BYTES, `${String(peakBytes)} bytes`);
  return { ...command, json: command.json };
}

for (const container of [false, true]) {
  const where = container ? 'in the container' : 'on the host';

  for (const [what, script] of [
    ['says yes for ever', 'yes "$(printf "\\033[2J")"'],
    ['ignores TERM', 'trap "" TERM INT HUP; while :; do sleep 0.1; done'],
  ] as const) {
    test(`one that ${what} ${where} is a failed hook, in bounded time and memory`, async ({
      lab,
    }) => {
      const { exitCode, json, stderr } = await snapshot(lab, container, script, '3s');
      assert.equal([exitCode, codes(json)], [1, ['HOOK_FAILED']]);
      assert.not.match(stderr, '\u001b');
      assert.ok((json.failures[0]?.message.length ?? 0) < 10_000);
      // Docker cannot end what it runs in a container.
      if (container) await lab.docker(['restart', '--time', '0', 'agent-alpha']);
    });
  }

  test(`one that leaves a daemon with its output ${where} is done when it is done`, async ({
    lab,
  }) => {
    const file = container ? IN_CONTAINER : join(lab.root, 'left');
    const script = `sleep 300 & echo $! >${file}`;
    const { exitCode, json } = await snapshot(lab, container, script, '40s');
    assert.equal([exitCode, json.failures], [0, []]);
    if (!container) await endLeft(file);
  });
}

async function endLeft(file: string): Promise<void> {
  assert.ok(existsSync(file));
  const left = processId(Number(readFileSync(file, 'utf8')));
  assert.ok(left, 'it is left alone');
  await endProcess(left);
}

test.run();
