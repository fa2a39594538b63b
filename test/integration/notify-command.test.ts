import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { trying } from '../support/notify/notifier.ts';
import { isRunning, linesOf, msOf } from '../support/notify/observed.ts';
import { status } from '../support/notify/receiver.ts';
import { KEY, directory, receiver } from '../support/notify/scene.ts';

test('a command gets the notice on its stdin, and no shell', async () => {
  const file = join(directory, 'told');
  const script = join(directory, '$(touch shell)');
  writeFileSync(script, '#!/bin/sh\ncat >>"$1"; echo >>"$1"\n', { mode: 0o700 });
  const trial = await trying({ notify: { command: [script, file] } });
  trial.failing('alpha');
  trial.failing();
  await trial.notifier.settled();
  trial.failing();
  await trial.notifier.settled();
  const told = linesOf(file).map(({ kind, key, host }) => [kind, key, host]);
  assert.equal(told, [
    ['failure', KEY, 'box1'],
    ['recovery', KEY, 'box1'],
  ]);
  assert.equal(trial.told, []);
});

test('a command that does not read what it is told is content', async () => {
  const trial = await trying({ notify: { command: ['true'] } });
  trial.failing(...Array.from({ length: 20 }, (_, index) => `agent-${index}`));
  await trial.notifier.settled();
  assert.equal(trial.told, []);
});

const FAILING: Readonly<Record<string, readonly [script: string, said: string]>> = {
  fails: ['echo http://hook-5d41/ >&2; exit 3', 'exited 3'],
  hangs: ['sleep 600', 'did not end within 1 s'],
  'prints endlessly': ['yes hook-5d41', 'did not end within 1 s'],
  'is killed': ['kill -9 $$', 'exited -1'],
};

for (const [what, [script, said]] of Object.entries(FAILING)) {
  test(`a command that ${what} has not been told, and leaves nobody`, async () => {
    const pid = join(directory, `${what}.pid`);
    rmSync(pid, { force: true });
    const whole = `echo $$ >"$0"; echo >>"$0.runs"; ${script}`;
    const trial = await trying({ notify: { command: ['sh', '-c', whole, pid] } });
    trial.failing('alpha');
    const ms = await msOf(async () => trial.notifier.settled());
    assert.ok(ms < 4_000, `${ms}`);
    assert.equal(trial.told, [
      `warning: notify.command (sh): ${said}; what it was to be told waits`,
    ]);
    assert.not(isRunning(pid));
    trial.rested();
    trial.failing('alpha');
    await trial.notifier.settled();
    assert.is(readFileSync(`${pid}.runs`, 'utf8'), '\n\n');
  });
}

test('a command that is not there is told', async () => {
  const trial = await trying({ notify: { command: ['/no/such/program'] } });
  trial.failing('alpha');
  await trial.notifier.settled();
  assert.match(trial.told.join('\n'), 'could not be started (TOOL_MISSING)');
});

test('a heart beats once a pass, one beat at a time; what fails is told once', async () => {
  const trial = await trying({
    notify: { heartbeat: receiver.address },
    bounds: { requestMs: 600 },
  });
  const beat = async (): Promise<void> => {
    trial.notifier.beat();
    await trial.notifier.settled();
  };
  await beat();
  assert.match(receiver.received[0]!.head, /^GET \/hook-5d41/);
  receiver.answers(() => undefined);
  trial.notifier.beat();
  trial.notifier.beat();
  await beat();
  assert.is(receiver.received.length, 2);
  await beat();
  assert.equal(trial.told, [
    `warning: notify.heartbeat (${receiver.origin}): no answer within 0.6 s`,
  ]);
  receiver.answers(status(200));
  await beat();
  receiver.answers(() => undefined);
  await beat();
  assert.is(trial.told.length, 2);
});

test('without a channel nothing is written', async () => {
  const trial = await trying({ notify: {} });
  trial.failing('alpha');
  trial.notifier.beat();
  await trial.notifier.settled();
  assert.not(existsSync(trial.state));
});

test.run();
