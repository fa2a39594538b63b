import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { BOUNDS } from '../../src/daemon/channels.ts';
import { trying } from '../support/notify/notifier.ts';
import { linesOf, msOf, until } from '../support/notify/observed.ts';
import { startReceiver, status, type Answer } from '../support/notify/receiver.ts';
import { KEY, answered, directory, kinds, receiver } from '../support/notify/scene.ts';

test('a webhook is posted the beginning and the end, each once', async () => {
  const trial = await answered(status(204));
  trial.failing('alpha');
  trial.failing();
  await trial.notifier.settled();
  trial.failing();
  await trial.notifier.settled();
  assert.equal(kinds(), ['failure alpha', 'recovery alpha']);
  const [{ head, body } = { head: '', body: '' }] = receiver.received;
  assert.match(head, /^POST \/hook-5d41\?token-7d79 HTTP\/1.1\r\n/);
  assert.match(head, /content-type: application\/json/i);
  assert.match(head, /authorization: Basic /i);
  const { since, at, ...rest } = JSON.parse(body);
  assert.equal(rest, {
    ...{ host: 'box1', kind: 'failure', key: KEY, agent: 'alpha', code: 'HOOK_FAILED' },
    ...{ message: 'it broke', hint: 'mend it' },
  });
  assert.ok(Math.abs(Date.parse(since) - Date.now()) < 60_000 && since <= at);
  assert.equal(trial.told, []);
});

test('what is told is over within a minute, whatever the webhook does', () => {
  const pauses = BOUNDS.pausesMs.reduce((sum, ms) => sum + ms, 0);
  assert.is(BOUNDS.pausesMs.length, 3);
  assert.ok(pauses + (BOUNDS.pausesMs.length + 1) * BOUNDS.requestMs < 60_000);
});

test('500 is tried three times more, told once, and delivered when it is well again', async () => {
  const trial = await answered(status(500));
  assert.is(receiver.received.length, 4);
  const line = `warning: notify.webhook (${receiver.origin}): answered 500; what it was to be told waits`;
  assert.equal(trial.told, [line]);
  trial.failing('alpha');
  await trial.notifier.settled();
  assert.is(receiver.received.length, 4, 'it is left alone for a while');
  trial.rested();
  trial.failing('alpha');
  await trial.notifier.settled();
  assert.is(receiver.received.length, 8);
  assert.equal(trial.told, [line]);
  receiver.answers(status(200));
  trial.rested();
  trial.failing('alpha');
  await trial.notifier.settled();
  trial.rested();
  trial.failing('alpha');
  await trial.notifier.settled();
  assert.is(receiver.received.length, 9);
});

test('400 is not tried again at once, and keeps nobody else’s notice back', async () => {
  const trial = await answered((received) => {
    status(received.body.includes('"agent":"alpha"') ? 400 : 200)(received);
  });
  assert.equal(kinds(), ['failure alpha']);
  trial.rested();
  trial.failing('alpha', 'beta');
  await trial.notifier.settled();
  assert.equal(kinds(), ['failure alpha', 'failure beta', 'failure alpha']);
});

test('a redirect is not followed', async () => {
  const other = await startReceiver();
  const trial = await answered(status(307, `location: ${other.address}\r\n`));
  assert.equal([receiver.received.length, other.received.length], [1, 0]);
  assert.match(trial.told.join('\n'), 'answered 307, and redirects are not followed');
  await other.close();
});

const BAD: Readonly<Record<string, Answer>> = {
  'closes without an answer': ({ socket }) => socket.destroy(),
  'answers garbage': ({ socket }) => socket.end('user-1f0e, hook-5d41\r\n\0\r\n'),
  'breaks off within its headers': ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nx-y: '),
  'sends headers without end': ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    endlessly(socket, 'x: y\r\n');
  },
  'switches protocols': ({ socket }) =>
    socket.write('HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
};

for (const [what, answer] of Object.entries(BAD)) {
  test(`a webhook that ${what} has not been told`, async () => {
    const trial = await answered(answer, { bounds: { requestMs: 400 } });
    assert.is(receiver.received.length, 4);
    assert.is(trial.told.length, 1);
  });
}

test('a webhook that hangs is left after its time, and delays neither a pass nor the command', async () => {
  const file = join(directory, 'beside-a-hanging-webhook');
  receiver.answers(() => undefined);
  const command = ['sh', '-c', 'cat >>"$0"; echo >>"$0"', file];
  const trial = await trying({
    notify: { webhook: receiver.address, command },
    bounds: { requestMs: 700 },
  });
  trial.failing('alpha');
  await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
  const passMs = await msOf(async () => {
    trial.failing('alpha');
  });
  assert.ok(passMs < 200, `${passMs}`);
  assert.equal(trial.told, []);
  const restMs = await msOf(async () => trial.notifier.settled());
  assert.ok(restMs < 4 * 700 + 1_000, `${restMs}`);
  assert.match(trial.told.join('\n'), 'no answer within 0.7 s');
  receiver.answers(status(200));
  trial.rested();
  trial.failing('alpha');
  await trial.notifier.settled();
  assert.is(receiver.received.length, 5);
  assert.is(linesOf(file).length, 1);
});

const GOOD: Readonly<Record<string, Answer>> = {
  'has a body without end': ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    endlessly(socket, 'x'.repeat(65_536));
  },
  'has a body that hangs': ({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'),
  'breaks off within its body': ({ socket }) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'),
};

for (const [what, answer] of Object.entries(GOOD)) {
  test(`an answer 200 that ${what} is one`, async () => {
    const trial = await answered(answer, { bounds: { requestMs: 400 } });
    trial.failing('alpha');
    await trial.notifier.settled();
    assert.equal([kinds(), trial.told], [['failure alpha'], []]);
    assert.ok(receiver.received.every(({ socket }) => socket.bytesWritten < 64 * 1024 * 1024));
  });
}

function endlessly(socket: { destroyed: boolean; write(text: string): boolean }, text: string) {
  const more = setInterval(() => {
    if (socket.destroyed) clearInterval(more);
    else socket.write(text);
  }, 1);
}

test('where nobody listens is told without the address', async () => {
  const { address, close } = await startReceiver();
  await close();
  const trial = await answered(status(200), { notify: { webhook: address } });
  assert.match(trial.told.join('\n'), 'ECONNREFUSED');
});

test.run();
