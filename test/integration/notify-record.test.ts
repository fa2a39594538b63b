import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { trying } from '../support/notify/notifier.ts';
import { isRunning, msOf, until } from '../support/notify/observed.ts';
import { status } from '../support/notify/receiver.ts';
import { answered, directory, kinds, receiver } from '../support/notify/scene.ts';

test('an abort ends what is under way at once', async () => {
  receiver.answers(() => undefined);
  const pid = join(directory, 'aborted.pid');
  const command = ['sh', '-c', 'sleep 600 & echo $! >"$0.new"; mv "$0.new" "$0"; wait', pid];
  const trial = await trying({
    notify: { webhook: receiver.address, heartbeat: receiver.address, command },
    bounds: { requestMs: 60_000, commandMs: 60_000 },
  });
  trial.failing('alpha');
  trial.notifier.beat();
  await until(() => receiver.received.length === 2 && existsSync(pid));
  trial.abort();
  const ms = await msOf(async () => trial.notifier.settled());
  assert.ok(ms < 1_500, `${ms}`);
  assert.equal(trial.told, []);
  await until(() => !isRunning(pid));
});

test('after a restart nothing is told anew, and what nobody took is', async () => {
  const first = await answered(status(500));
  first.abort();
  receiver.answers(status(200));
  const again = async (): Promise<void> => {
    const trial = await trying({ notify: { webhook: receiver.address }, state: first.state });
    trial.failing('alpha');
    await trial.notifier.settled();
    assert.equal(trial.told, []);
  };
  await again();
  assert.is(receiver.received.length, 5);
  await again();
  assert.is(receiver.received.length, 5);
});

test('a damaged record is told, and what lasts is told anew', async () => {
  const state = join(mkdtempSync(join(tmpdir(), 'cowherd-notify-')), 'state');
  mkdirSync(state);
  writeFileSync(join(state, 'notices.json'), '{"episodes":[{');
  const trial = await answered(status(200), { state });
  assert.match(trial.told.join('\n'), /^warning: IO_ERROR: .*notices\.json is damaged$/);
  assert.equal(kinds(), ['failure alpha']);
  await answered(status(200), { state });
  assert.equal(kinds(), ['failure alpha']);
});

test('a record that cannot be written is told once, and delays nothing', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'cowherd-notify-'));
  writeFileSync(join(parent, 'file'), '');
  const trial = await answered(status(200), { state: join(parent, 'file') });
  trial.failing('alpha', 'beta');
  await trial.notifier.settled();
  assert.equal(kinds(), ['failure alpha', 'failure beta']);
  assert.is(trial.told.filter((line) => line.includes('could not be noted')).length, 1);
});

test.run();
