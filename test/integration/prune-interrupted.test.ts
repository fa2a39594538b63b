import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { PruneDocument } from '../../src/usecases/prune-document.ts';
import { makeManyPoints } from '../support/bench/many-points.ts';
import { codes } from '../support/cycle/commands.ts';
import { ids, pruneBy, takeAgo } from '../support/cycle/prune.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { until } from '../support/lab/run.ts';
import { leftovers, storeOf } from '../support/store.ts';

requireLab();

const MANY = 300;

interface Given {
  lab: Lab;
}

const test = suite<Given>('a prune by the rules that is interrupted');

test.before(async (given) => {
  given.lab = await startLab({ agents: ['alpha'] });
});

test.after(async ({ lab }) => lab?.stop());

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`${signal} in the midst of it: what is gone is gone whole, and the next run goes on`, async ({
    lab,
  }) => {
    const config = lab.writeConfig('one', {
      retention: { last: 1, minimum: 0, maxDestroyRatio: 1 },
    });
    const newest = await takeAgo(lab, 'alpha', 1);
    makeManyPoints(lab, 'alpha', { from: 1, count: MANY });
    const directory = join(storeOf(lab), 'snapshots');
    const left = () => readdirSync(directory).filter((name) => name.startsWith('alpha@')).length;
    const child = lab.spawnCowherd(['prune', 'alpha', '--json'], config);
    const said = text(child.stdout as Readable);
    const ended = once(child, 'exit');
    await until('some are gone', () => left() < MANY - 10);
    child.kill(signal);
    await ended;
    const rest = left();
    assert.ok(rest > 1, 'not all are gone');
    if (signal === 'SIGTERM') {
      const document = JSON.parse(await said) as PruneDocument;
      assert.equal([child.exitCode, codes(document)], [143, ['INTERRUPTED']]);
      assert.is(document.destroy.length, MANY - rest);
    }
    const { exitCode, json } = await pruneBy(lab, config, ['alpha']);
    assert.equal([exitCode, json.destroy.length, ids(json.keep)], [0, rest - 1, [newest]]);
    assert.equal(leftovers(lab), []);
  });
}

test.run();
