import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../../src/config/load.ts';
import { ownerTag } from '../../../src/exec/liveness.ts';
import { readRuns } from '../../../src/state/history.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { delayOf } from '../../../src/usecases/due.ts';
import { pick, seededRandom, type Random } from '../../support/kill/random.ts';
import * as check from '../../support/month/checks.ts';
import { createHost } from '../../support/month/host.ts';
import { expectRetention } from '../../support/month/retained.ts';
import { tellMonth } from '../../support/month/story.ts';
import { createTime } from '../../support/month/time.ts';
import { createWorld } from '../../support/month/world.ts';
import { suite } from '../../support/suite.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = 31;
const MOST_HISTORY_BYTES = 4.2 * 1024 * 1024;

const CONFIG = `
timezone: Europe/Berlin
docker: none
retention: { last: 6, hourly: 24, daily: 10, minimum: 3 }
schedules:
  - { name: hourly, cron: '0 * * * *', run: [snapshot], jitter: 20m }
  - { name: nightly, cron: '30 2 * * *', agents: ['team-*'], run: [snapshot] }
  - { name: chain, cron: '10 */6 * * *', agents: ['team-*'], run: [snapshot, prune] }
  - { name: tidy, cron: '45 2 * * *', run: [prune] }
`;

/** Two hundred of which fifty are a team's. */
const AGENTS = Array.from({ length: 200 }, (_, index) => {
  const number = String(index).padStart(3, '0');
  return index % 4 === 0 ? `team-of-many-agents-${number}` : `agent-of-its-own-${number}`;
});

const test = suite<{ root: string }>('a month of schedules', { root: '' });
test.before.each((context) => {
  const memory = '/dev/shm';
  context.root = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'month-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

async function live(root: string, random: Random) {
  const startMs = Date.parse(pick(random, STARTS));
  const endMs = startMs + DAYS * DAY_MS;
  const time = createTime(startMs);
  const world = createWorld(time, AGENTS, random);
  const text = `${CONFIG}state: ${root}/state\n`;
  const config = await parseConfig(text, { file: 'month.yaml', hostname: 'box' });
  let number = 0;
  const context = {
    ...{ config, runtimeDir: join(root, 'run'), host: config.host, now: time.now },
    ...{ ticks: () => time.trueMs(), random: () => (number += 1).toString(16).padStart(12, '0') },
    ...{ interrupt: new AbortController().signal, tell: () => undefined },
  } as unknown as Context;
  const host = createHost({ time, world, context, random });
  const insist = (): void => {
    void time.real(async () => world.prune(context, AGENTS, true));
  };
  const [hourly] = config.schedules;
  assert.ok(hourly);
  const delayMs = delayOf(config, hourly);
  const story = { random, time, world, host, startMs, days: DAYS, hourlyAtMs: delayMs, insist };
  const told = tellMonth(story);
  await time.runUntil(endMs);
  host.kill();
  await time.real(async () => world.prune(context, AGENTS, false));
  return { context, delayMs, month: { time, world, host, told, startMs, endMs } };
}

/** As if this process had died: what it had under way was cut short. */
async function runsAfter(state: string) {
  for (const name of ['history.jsonl', 'history.1.jsonl']) {
    const path = join(state, name);
    if (!existsSync(path)) continue;
    const text = readFileSync(path, 'utf8');
    for (const line of text.trimEnd().split('\n')) JSON.parse(line);
    writeFileSync(path, text.replaceAll(ownerTag(), '999999999-1'));
  }
  return readRuns({ state });
}

/** In each of them clocks change, forward or back. */
const STARTS = ['2026-03-01T00:00:00Z', '2026-10-01T00:00:00Z'];

test('no occurrence twice, no gap, no overlap, and nothing destroyed that the policy keeps', async ({
  root,
}) => {
  const random = seededRandom('the month');
  const { month, delayMs, context } = await live(root, random);
  check.expectNoneTwice(month);
  check.expectNoOverlap(month);
  check.expectNoGaps(month, 'hourly');
  assert.ok(check.expectCatchUps(month, 'hourly', delayMs) > 0);
  check.expectSkipped(month, 'hourly', delayMs);
  check.expectOneANight(month, 'nightly', context.config.timezone);
  expectRetention(month, context);
  const state = join(root, 'state');
  for (const name of ['history.jsonl', 'history.1.jsonl'])
    assert.ok(statSync(join(state, name)).size < MOST_HISTORY_BYTES, name);
  check.expectHistory(month, await runsAfter(state));
});

test.run();
