import { shortened } from '../model/names.ts';
import type { RecordedDatabase, RecordedVolume } from '../model/manifest.ts';
import { hasDatasets, type LiveDatabase, type Skipped } from '../model/snapshot.ts';
import { someOf } from './finding.ts';
import { skip, type Candidate } from './snapshot-plan.ts';

export interface Torn {
  readonly volumes: readonly RecordedVolume[];
  /** Of the images. */
  readonly databases: readonly RecordedDatabase[];
  readonly live: readonly LiveDatabase[];
}

/** Of a restore point that is not of one moment: what of each volume's databases may be half of one transaction and half of another. */
export function tornDatabases(
  { agent }: Candidate,
  { volumes, databases, live }: Torn,
): readonly Skipped[] {
  const rows = new Map(live.map((row) => [keyOf(row), row]));
  return volumes.flatMap(({ name: volume, tier, unsearched }) => {
    if (hasDatasets(tier)) return [];
    const torn = databases.filter(
      (database) => database.volume === volume && rows.get(keyOf(database))?.whole !== true,
    );
    const names = torn.map((database) => {
      const why = rows.get(keyOf(database))?.note;
      return shortened(database.path) + (why === undefined ? '' : ` (${why})`);
    });
    const said = [
      ...(torn.length > 0 ? [`these databases may be torn: ${someOf(names)}`] : []),
      ...(unsearched === true ? ['not all databases in it are known'] : []),
    ];
    if (said.length === 0) return [];
    const message = `${volume} was written while it was copied: ${said.join('; ')}`;
    return [skip(agent, { volume, message, partial: true })];
  });
}

function keyOf({ volume, path, pathBase64 }: Pick<LiveDatabase, 'volume' | 'path' | 'pathBase64'>) {
  return JSON.stringify([volume, pathBase64 ?? path]);
}
