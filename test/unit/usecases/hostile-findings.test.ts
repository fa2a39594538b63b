import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { RecordedDatabase } from '../../../src/model/manifest.ts';
import type { Cause, SqliteRow } from '../../../src/model/snapshot.ts';
import { hostileFindings } from '../../../src/usecases/hostile-findings.ts';
import { placedAgent, placement, restorePoint } from '../../support/placed.ts';

const agent = placedAgent('alpha', [placement('home')]);

function row(path: string, cause: Cause): SqliteRow {
  const counters = { busy: -1, log: -1, checkpointed: -1 };
  return { volume: 'home', path, mode: 'passive', ...counters, note: 'why', cause };
}

function database(path: string, over: Partial<RecordedDatabase>): RecordedDatabase {
  return { volume: 'home', path, wal: true, uid: 1, gid: 1, walBytes: 0, ...over };
}

function findings(sqlite: readonly SqliteRow[], databases: readonly RecordedDatabase[] = []) {
  return hostileFindings(agent, [restorePoint('alpha', ['home'], { sqlite, databases })]);
}

test('an ordinary agent has none, nor has one that was never captured', () => {
  const ordinary = [row('a', 'owner'), row('b', 'path'), row('c', 'failed')];
  assert.equal(findings(ordinary, [database('a', {})]), []);
  assert.equal(hostileFindings(agent, []), []);
});

test('what SQLite cannot work with needs a person, what was not opened does not', () => {
  const rows = [row('bad.db', 'damaged'), row('slow.db', 'stuck'), row('last.db', 'limit')];
  const flawed = [
    database('fake.db', { flaw: 'header', wal: false }),
    database('hard.db', { flaw: 'links' }),
    database('soft.db', { flaw: 'beside' }),
  ];
  const found = findings(rows, flawed);
  assert.equal(
    found.map(({ code, severity, volume }) => [code, severity, volume]),
    [
      ['HOSTILE_DATABASE', 'warn', 'home'],
      ['HOSTILE_DATABASE', 'info', 'home'],
      ['HOSTILE_LINKS', 'info', 'home'],
      ['HOSTILE_DATABASE', 'info', 'home'],
    ],
  );
  assert.match(found[0]?.message ?? '', /bad\.db, slow\.db of home \(why\)/);
  assert.match(found[2]?.message ?? '', /hard\.db, soft\.db/);
});

test('a volume that could not be searched to its end is told', () => {
  const point = restorePoint('alpha', ['home', 'other']);
  const volumes = point.manifest.volumes.map((volume) => ({
    ...volume,
    unsearched: true as const,
  }));
  const found = hostileFindings(agent, [{ ...point, manifest: { ...point.manifest, volumes } }]);
  assert.equal(
    found.map(({ code, severity, volume }) => [code, severity, volume]),
    [['HOSTILE_DATABASE', 'info', 'home']],
  );
});

test('however many there are, the findings are few and short', () => {
  const many = Array.from({ length: 1_000 }, (_, n) =>
    row(`${String(n)}${'x'.repeat(9_000)}`, 'damaged'),
  );
  const [one, ...more] = findings(many);
  assert.equal(more, []);
  assert.ok((one?.message.length ?? 0) < 600);
  assert.match(one?.message ?? '', 'and 997 more');
});

test('a name that is a path or speaks to terminals is told, an odd one is not', () => {
  const named = (name: string) => hostileFindings(placedAgent(name, []), []);
  for (const name of ['..%2Fx', '%2E%2E', 'a%1B%5B2J', '%E2%80%AE', '%FF']) {
    const [one] = named(name);
    assert.equal([one?.code, one?.severity, one?.agent], ['HOSTILE_NAME', 'info', name]);
  }
  for (const name of ['plain', 'my%20agent', '%C3%BC', 'a..b', 'a%40b'])
    assert.equal(named(name), []);
});

test.run();
