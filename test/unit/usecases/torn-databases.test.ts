import * as assert from 'uvu/assert';
import type { RecordedDatabase, RecordedVolume } from '../../../src/model/manifest.ts';
import type { LiveDatabase, Tier } from '../../../src/model/snapshot.ts';
import type { Candidate } from '../../../src/usecases/snapshot-plan.ts';
import { tornDatabases } from '../../../src/usecases/torn-databases.ts';
import { test } from '../../support/suite.ts';

const candidate = { agent: { name: 'alpha' }, volumes: [], skipped: [] } as unknown as Candidate;
const volume = (name: string, tier: Tier, unsearched?: true) =>
  ({ name, tier, ...(unsearched ? { unsearched } : {}) }) as RecordedVolume;
const database = (path: string, pathBase64?: string) =>
  ({ volume: 'v', path, ...(pathBase64 === undefined ? {} : { pathBase64 }) }) as RecordedDatabase;
const row = (path: string, whole: boolean, note?: string): LiveDatabase => ({
  ...{ volume: 'v', path, whole },
  ...(note === undefined ? {} : { note }),
});
const said = (given: Parameters<typeof tornDatabases>[1]) =>
  tornDatabases(candidate, given).map(({ message, partial }) => `${String(partial)}: ${message}`);

test('databases that were copied by a transaction are whole, all others are named with why', () => {
  const databases = ['a.db', 'b.db', 'c.db'].map((path) => database(path));
  const live = [row('a.db', true), row('b.db', false, 'owned by root')];
  assert.equal(said({ volumes: [volume('v', 'tar')], databases, live }), [
    'true: v was written while it was copied: these databases may be torn: b.db (owned by root), c.db',
  ]);
});

test('a name that is not UTF-8 is told apart by its bytes', () => {
  const databases = [database('\ufffd', '/w=='), database('\ufffd', '/g==')];
  const live = [{ ...row('\ufffd', true), pathBase64: '/w==' }];
  assert.match(
    said({ volumes: [volume('v', 'reflink')], databases, live })[0] ?? '',
    /torn: \ufffd$/,
  );
});

test('a volume with more databases than are looked for says so', () => {
  const [one] = said({ volumes: [volume('v', 'tar', true)], databases: [], live: [] });
  assert.match(one ?? '', /not all databases in it are known/);
});

test('an image of one moment has none that are torn, whoever wrote', () => {
  const databases = [database('a.db')];
  for (const tier of ['zfs', 'btrfs'] as const)
    assert.equal(said({ volumes: [volume('v', tier, true)], databases, live: [] }), []);
});

test.run();
