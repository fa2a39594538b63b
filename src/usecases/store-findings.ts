import type { Config } from '../config/schema.ts';
import { isFuture } from '../model/snapshot-id.ts';
import { formatSpace, type Space } from '../model/sizes.ts';
import { finding, someOf, type Finding } from './finding.ts';
import { isUnderWay } from './recover.ts';
import type { RestorePoint } from './restore-points.ts';
import type { StoreSurvey } from './survey.ts';

const GIB = 1024 ** 3;

/** What is wrong with one filesystem's store: little space, what dead runs left, what is damaged. */
export function storeFindings(survey: StoreSurvey, config: Config): readonly Finding[] {
  return [
    ...spaceFindings(survey, config.limits.minFree),
    ...cutShort(survey),
    ...leftoverFindings(survey),
    ...damagedFindings(survey),
    ...damagedRecordFindings(survey),
  ];
}

/** True when less is free than the limit asks for. */
export function isBelow(
  { freeBytes, sizeBytes }: { readonly freeBytes: number; readonly sizeBytes: number },
  limit: Space,
): boolean {
  return limit.kind === 'bytes'
    ? freeBytes < limit.bytes
    : freeBytes * 100 < sizeBytes * limit.percent;
}

function spaceFindings({ store, space, concerns }: StoreSurvey, limit: Space): readonly Finding[] {
  const filesystem = `filesystem ${store.fsId}`;
  const low = space !== null && isBelow(space, limit);
  const free = `${((space?.freeBytes ?? 0) / GIB).toFixed(1)} of ${((space?.sizeBytes ?? 0) / GIB).toFixed(1)} GiB are free`;
  const message = `${filesystem}: ${free}, less than limits.minFree (${formatSpace(limit)})`;
  const mend = 'free some space: cowherd snapshots shows what can go, cowherd prune --id takes it';
  return [
    ...(low ? [finding('LOW_SPACE', 'warn', { filesystem: store.fsId, message, mend })] : []),
    ...concerns.map((concern) =>
      finding(concern.code, concern.code === 'READ_ONLY' ? 'error' : 'warn', {
        filesystem: store.fsId,
        message: `${filesystem}: ${concern.message}`,
        mend: concern.mend,
      }),
    ),
  ];
}

function cutShort({ records }: StoreSurvey): readonly Finding[] {
  return records
    .filter((record) => !isUnderWay(record))
    .map(({ kind, agent, phase, createdAt }) =>
      finding('TRANSACTION_CUT_SHORT', 'error', {
        agent,
        message: `the ${kind} of ${agent} begun at ${createdAt} was cut short (${phase})`,
        mend: 'cowherd recover',
      }),
    );
}

function leftoverFindings({ store, leftovers }: StoreSurvey): readonly Finding[] {
  if (leftovers.length === 0) return [];
  const message = `runs that were cut short left something on filesystem ${store.fsId}: ${someOf(leftovers)}`;
  return [finding('LEFTOVERS', 'warn', { message, mend: 'cowherd recover' })];
}

function damagedFindings({ damaged }: StoreSurvey): readonly Finding[] {
  return damaged.map((id) =>
    finding('DAMAGED_RESTORE_POINT', 'warn', {
      message: `restore point ${id} is damaged: its manifest cannot be read, or an image of it is gone; what is left of it is left alone`,
      mend: `look into snapshots/${id} of the store, copy what you need out of its images, then delete them and it`,
    }),
  );
}

function damagedRecordFindings({ damagedRecords }: StoreSurvey): readonly Finding[] {
  return damagedRecords.map(({ path, underWay, agent }) => {
    const message = underWay
      ? `the record of a transaction that was cut short is damaged: ${path}`
      : `the record of the data that a rollback replaced is damaged, so that this data is kept for ever: ${path}`;
    const mend = underWay
      ? 'cowherd recover says where its data is'
      : 'look at the directory of that name beside it, remove what you do not need, then move the record away';
    return finding('DAMAGED_RECORD', underWay ? 'error' : 'warn', { agent, message, mend });
  });
}

/** A restore point from the future says that the clock is wrong now, or was. Order of `points` is free. */
export function clockFindings(points: readonly RestorePoint[], now: Date): readonly Finding[] {
  const ahead = points.find(({ manifest }) => isFuture(manifest, now));
  if (ahead === undefined) return [];
  const message = `restore point ${ahead.manifest.id} is from the future: this host's clock is or was wrong`;
  return [finding('CLOCK_SUSPECT', 'warn', { message, mend: 'set the clock (timedatectl)' })];
}
