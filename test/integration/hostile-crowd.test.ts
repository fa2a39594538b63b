import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { takeOne } from '../support/cycle/commands.ts';
import { found } from '../support/findings.ts';
import { leave } from '../support/hostile/databases.ts';
import { requireLab } from '../support/lab/available.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { AGENT_UID } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';

requireLab();

const test = suite<{ lab: Lab }>('hostile crowds');
const CROWD = 10_000;
const MOST_MS = EMULATED ? 1_800_000 : 180_000;

test.before(async (context) => {
  context.lab = await startLab();
});
test.after(async ({ lab }) => {
  await lab.stop();
});

test('ten thousand databases keep the snapshot waiting for a minute at most, and are spoken of', async ({
  lab,
}) => {
  const agent = await lab.startAgent({ name: 'alpha', capturable: true });
  const first = join(agent.path('public'), 'first.db');
  await leave(
    first,
    'PRAGMA journal_mode=WAL; CREATE TABLE t(x); PRAGMA wal_checkpoint(TRUNCATE);',
  );
  await must(['python3', '-c', COPIES, first, String(CROWD), String(AGENT_UID)]);
  const begun = performance.now();
  const point = await takeOne(lab, 'alpha', [], { timeoutMs: MOST_MS });
  assert.ok(performance.now() - begun < MOST_MS);
  assert.is(point.grade, 'frozen');
  const own = point.sqlite.filter(({ volume }) => volume === agent.volumes.workspace);
  assert.equal(
    own.map(({ path, cause }) => [path, cause]),
    [['data/agent.db', undefined]],
  );
  assert.is(point.sqlite.length, 1_001);
  assert.ok(point.sqlite.every(({ cause, log }) => cause === 'limit' || log >= 0));
  const { json } = await lab.cowherd<DoctorDocument>(['doctor', '--json', 'alpha']);
  assert.is(found(json, 'HOSTILE_DATABASE').volume, agent.volumes.public);
});

const COPIES = `
import os, sys
path, count, owner = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
data = open(path, 'rb').read()
os.mkdir(path + 's'); os.chown(path + 's', owner, owner)
for n in range(count):
    fd = os.open(path + 's/%d' % n, os.O_CREAT | os.O_WRONLY, 0o644); os.write(fd, data); os.fchown(fd, owner, owner); os.close(fd)
`;

test.run();
