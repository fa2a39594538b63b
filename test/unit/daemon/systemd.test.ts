import * as assert from 'uvu/assert';
import { systemd } from '../../../src/daemon/systemd.ts';
import { test } from '../../support/suite.ts';

const watchdogMs = (usec?: string): number | null =>
  systemd(usec === undefined ? {} : { WATCHDOG_USEC: usec }, () => undefined).watchdogMs;

test('the watchdog hears of us so often that two words in a row may be lost', () => {
  assert.is(watchdogMs('120000000'), 30_000);
});

test('nobody waits where systemd does not', () => {
  for (const usec of [undefined, '', '0', 'never', '-1']) assert.is(watchdogMs(usec), null, usec);
});

test('without systemd nothing is told, and nothing fails', async () => {
  const told: string[] = [];
  const { ready, alive, stopping } = systemd({}, (line) => told.push(line));
  await Promise.all([ready(), alive(), stopping()]);
  assert.equal(told, []);
});

test.run();
