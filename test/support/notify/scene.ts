import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../suite.ts';
import { endTrials, trying, type Trial, type TrialOptions } from './notifier.ts';
import { startReceiver, type Answer, type Receiver } from './receiver.ts';

/** The key of the failure that these tests tell of. */
export const KEY = 'schedule-failing:often:alpha';

/** Where the tests of a file notify: a directory for all of them, and a receiver for each. */
export const directory = mkdtempSync(join(tmpdir(), 'cowherd-notify-test-'));
export let receiver: Receiver;

test.before.each(async () => {
  receiver = await startReceiver();
});

test.after.each(async () => {
  await receiver.close();
  await endTrials();
});

test.after(() => {
  rmSync(directory, { recursive: true });
});

/** One notifier whose webhook is answered so, after a pass in which alpha failed. */
export async function answered(
  answer: Answer,
  options: Partial<TrialOptions> = {},
): Promise<Trial> {
  receiver.answers(answer);
  const trial = await trying({ notify: { webhook: receiver.address }, ...options });
  trial.failing('alpha');
  await trial.notifier.settled();
  return trial;
}

/** What was received, as `KIND AGENT`. */
export const kinds = (): readonly string[] =>
  receiver.received
    .map(({ body }) => JSON.parse(body) as { kind: string; agent: string })
    .map(({ kind, agent }) => `${kind} ${agent}`);
