import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Config } from '../../../src/config/schema.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { findingsNow } from '../../../src/daemon/look.ts';
import { toFailure, CowherdError } from '../../../src/model/errors.ts';
import { appendRun } from '../../../src/state/history.ts';
import { suite } from '../../support/suite.ts';

const EXAMPLE = join(import.meta.dirname, '../../../config/cowherd.example.yaml');
const SCHEDULES =
  "schedules: [{ name: often, cron: '*/5 * * * *', agents: ['*'], run: [snapshot] }]";

const test = suite<{ root: string }>('the look of the daemon');
test.before.each((given) => {
  given.root = mkdtempSync(join(tmpdir(), 'look-'));
});
test.after.each(({ root }) => {
  rmSync(root, { recursive: true });
});

const config = async (text: string): Promise<Config> =>
  parseConfig(text, { file: 'c.yaml', hostname: 'box' });

test('it finds what is wrong with the config that it is given: the schedules, the history', async ({
  root,
}) => {
  const notify = `notify: { webhook: 'https://user:secret@127.0.0.1/hook' }`;
  const held = await config(`docker: none\nstate: ${root}/state\n${notify}\n${SCHEDULES}\n`);
  const home = { state: held.state, runtimeDir: join(root, 'run'), ticks: () => 0 };
  await appendRun(home, {
    ...{ id: '1', command: 'snapshot', trigger: 'schedule', schedule: 'often', event: null },
    ...{ startedAt: '2026-11-27T12:00:00Z', endedAt: '2026-11-27T12:00:01Z', outcome: 'failed' },
    ...{ occurrence: '2026-11-27T12:00:00Z', reason: null, snapshots: [], destroyed: 0 },
    ...{ frozenMs: null, filesystems: [] },
    failures: [toFailure(null, new CowherdError('NO_SPACE', 'it is full', { hint: 'free some' }))],
  });
  const found = await findingsNow(held, new AbortController().signal);
  assert.ok(
    found.some(({ code }) => code === 'SCHEDULE_FAILING'),
    JSON.stringify(found),
  );
});

test('every key of a config can be given to it', async ({ root }) => {
  const example = await config(readFileSync(EXAMPLE, 'utf8'));
  const held = { ...example, docker: null, state: join(root, 'state') };
  assert.type((await findingsNow(held, new AbortController().signal)).length, 'number');
});

test('told to end it ends, with what was looked at', async ({ root }) => {
  const held = await config(`docker: none\nstate: ${root}/state\n`);
  const ended = new AbortController();
  const looked = findingsNow(held, ended.signal).then(
    () => 'done',
    () => 'ended',
  );
  ended.abort();
  assert.is(await looked, 'ended');
});

test.run();
