import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SnapshotDocument, SnapshotReport } from '../../../src/model/snapshot.ts';
import { labContext } from '../context.ts';
import { volumeName } from '../lab/agent.ts';
import { startLab, type Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';
import { storeOf } from '../store.ts';
import { IDLE } from './idle.ts';
import { peakPssMib } from './peak-pss.ts';
import { change, fill, type Size } from './plain-data.ts';
import { figure, type Report } from './report.ts';
import { createRestic, type Restic } from './restic.ts';
import { median } from './statistics.ts';
import { succeed } from './succeed.ts';
import { watchFreezer } from './watch-freezer.ts';

export interface PlainOptions extends Size {
  readonly rounds: number;
}

const CONTAINER = 'agent-alpha';
/** At least 0.9 of the speed, at least 0.85 of it, at most a tenth of the time. */
const MOST = { full: 1 / 0.9, restore: 1 / 0.85, frozen: 0.1, memory: 1.25 };
const LARGER = 10;

/** Archives as a shell would write them, with a sum of what was written. */
const ARCHIVE = `set -e -o pipefail
tar --create --format=posix --numeric-owner --xattrs --acls --sparse -C "$1" . |
  zstd -q -T0 -3 -c | tee -- "$2" | sha256sum -b >"$2.sum"
sync -- "$2"`;
const PAUSED = `set -e -o pipefail
docker pause "$3" >/dev/null
${ARCHIVE.replace(/^set.*\n/, '')}
docker unpause "$3" >/dev/null`;
const EXTRACT = `set -e -o pipefail
mkdir -- "$2" && zstd -q -d -c -- "$1" | tar --extract --xattrs --acls --numeric-owner -C "$2"
sync -f -- "$2"`;

type Times = Record<string, number[]>;

interface Subject {
  readonly lab: Lab;
  readonly data: string;
  readonly restic: Restic;
  readonly options: PlainOptions;
}

/** Archives of an agent on ext4 next to a shell's and restic's: written, on top of another, frozen for, and put back. */
export async function benchPlain(report: Report, options: PlainOptions): Promise<void> {
  const { files, mib, rounds } = options;
  report.line(
    `\nplain: ${String(mib)} MiB in ${String(files)} files on ext4, ${String(rounds)} times each`,
  );
  const lab = await startLab({ fs: 'ext4', size: '40G' });
  try {
    const agent = await lab.startAgent({ name: 'alpha', command: IDLE, wait: false });
    const data = agent.path('workspace');
    const subject = { lab, data, restic: await createRestic(lab), options };
    fill(data, options, 1 / 3);
    await archives(report, subject);
    await frozen(report, subject);
    await restores(report, subject);
    fill(data, options, 1);
    const [full, script] = [await fullMs(subject), await scriptMs(subject)];
    report.line(
      `  of data that does not compress: cowherd ${figure(full)} ms, the shell ${figure(script)} ms`,
    );
    await memory(report, subject);
  } finally {
    await lab.stop();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function snapshot({ lab }: Subject): Promise<SnapshotDocument> {
  const { json } = await succeed<SnapshotReport>(lab, ['--json', 'snapshot', 'alpha']);
  const [point] = json.snapshots;
  if (point === undefined) throw new Error('no restore point');
  return point;
}

/** More than the chains of archives that Cowherd makes. */
const MOST_TRIES = 12;

/** One that holds everything, of a copy that is there: the first that begins a new chain. */
async function fullMs(subject: Subject): Promise<number> {
  await snapshot(subject);
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const before = archivedBytes(subject);
    const ms = await timed(async () => snapshot(subject));
    const bytes = archivedBytes(subject) - before;
    if (bytes >= (subject.options.mib * 1024 * 1024) / 4) return ms;
  }
  throw new Error(`none of ${String(MOST_TRIES)} held everything`);
}

async function destroyAll({ lab }: Subject): Promise<void> {
  const { json } = await succeed<SnapshotReport>(lab, ['--json', 'snapshots']);
  const ids = json.snapshots.flatMap(({ id }) => ['--id', id]);
  await succeed(lab, ['prune', ...ids, '--yes', '--force']);
}

function archivedBytes({ lab }: Subject): number {
  const archivesOf = join(storeOf(lab), 'archives');
  return readdirSync(archivesOf, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('data.tar.zst'))
    .reduce((sum, name) => sum + statSync(join(archivesOf, name)).size, 0);
}

const fileOf = ({ lab }: Subject): string => join(lab.mnt, 'by-hand.tar.zst');

async function shell({ lab }: Subject, script: string, args: readonly string[]): Promise<void> {
  const env = { DOCKER_HOST: `unix://${lab.socket}` };
  await must(['bash', '-c', script, 'script', ...args], { env, timeoutMs: 600_000 });
}

async function scriptMs(subject: Subject): Promise<number> {
  return timed(async () => shell(subject, ARCHIVE, [subject.data, fileOf(subject)]));
}

async function archives(report: Report, subject: Subject): Promise<void> {
  const times: Times = { full: [], increment: [], script: [], restic: [] };
  for (let round = 0; round < subject.options.rounds; round += 1) {
    times['full']?.push(await fullMs(subject));
    change(subject.data, subject.options, round);
    times['increment']?.push(await timed(async () => snapshot(subject)));
    times['script']?.push(await scriptMs(subject));
    times['restic']?.push(await timed(async () => subject.restic.backup(subject.data)));
  }
  const ms = (name: string): number => median(times[name] ?? []);
  report.table(
    ['archived, medians', 'ms'],
    [
      ['cowherd snapshot, everything', figure(ms('full'))],
      ['cowherd snapshot, 1% changed', figure(ms('increment'))],
      ['tar | zstd -T0 -3 | tee | sha256sum', figure(ms('script'))],
      ['restic backup, 1% changed (the first holds all)', figure(ms('restic'))],
    ],
  );
  report.ratio('everything, to the shell', ms('full') / ms('script'), MOST.full);
  report.line(`  1% changed, to everything: ${(ms('increment') / ms('full')).toFixed(2)}`);
}

async function frozen(report: Report, subject: Subject): Promise<void> {
  const watch = await watchFreezer(subject.lab, CONTAINER);
  const seen: number[] = [];
  const script: number[] = [];
  try {
    for (let round = 0; round < subject.options.rounds; round += 1) {
      change(subject.data, subject.options, round + 1);
      await snapshot(subject);
      seen.push(await watch.frozenMs());
      await shell(subject, PAUSED, [subject.data, fileOf(subject), CONTAINER]);
      script.push(await watch.frozenMs());
    }
  } finally {
    await watch.close();
  }
  report.table(
    ['frozen, medians, seen from outside', 'ms'],
    [
      ['cowherd snapshot, 1% changed', figure(median(seen))],
      ['docker pause; tar | zstd; docker unpause', figure(median(script))],
    ],
  );
  report.ratio('frozen, to the shell', median(seen) / median(script), MOST.frozen);
}

/** What a rollback does before it stops anybody: the archive is verified, vetted, extracted and compared. */
async function restoredMs({ lab }: Subject, location: string): Promise<number> {
  const store = await (await labContext(lab)).openStore(lab.fsUuid);
  return timed(async () => store.readImages([location], async () => undefined));
}

async function restores(report: Report, subject: Subject): Promise<void> {
  const { lab, options, restic } = subject;
  await destroyAll(subject);
  const { volumes } = await snapshot(subject);
  const location = volumes.find(({ name }) => name === volumeName('alpha', 'workspace'))?.location;
  if (location === undefined) throw new Error('the volume was not captured');
  await scriptMs(subject);
  const target = join(lab.mnt, 'by-hand');
  const times: Times = { restored: [], whole: [], script: [], restic: [] };
  for (let round = 0; round < options.rounds; round += 1) {
    times['restored']?.push(await restoredMs(subject, location));
    times['script']?.push(
      await timed(async () => shell(subject, EXTRACT, [fileOf(subject), target])),
    );
    rmSync(target, { recursive: true });
    times['restic']?.push(await restic.restoreMs());
    times['whole']?.push(await timed(async () => succeed(lab, ['rollback', 'alpha', '--yes'])));
  }
  const ms = (name: string): number => median(times[name] ?? []);
  report.table(
    ['restored, medians', 'ms'],
    [
      [
        'cowherd, beside the old data: verified, vetted, extracted, compared',
        figure(ms('restored')),
      ],
      ['cowherd rollback, with a safety snapshot, until the agent runs', figure(ms('whole'))],
      ['zstd -d | tar --extract', figure(ms('script'))],
      ['restic restore', figure(ms('restic'))],
    ],
  );
  report.ratio('restored, to the shell', ms('restored') / ms('script'), MOST.restore);
}

/** The most that a snapshot and all it has started have had at once, with ten times as much to archive. */
async function memory(report: Report, subject: Subject): Promise<void> {
  const peaks: number[] = [];
  for (const factor of [1, LARGER]) {
    const options = { ...subject.options, mib: subject.options.mib * factor };
    fill(subject.data, options, 1 / 3);
    await destroyAll(subject);
    peaks.push(await peakPssMib(subject.lab.spawnCowherd(['snapshot', 'alpha'])));
  }
  const [small = 0, large = 0] = peaks;
  report.table(
    ['snapshot, everything', 'peak MiB (PSS of all its processes)'],
    [
      [`${String(subject.options.mib)} MiB`, figure(small)],
      [`${String(subject.options.mib * LARGER)} MiB`, figure(large)],
    ],
  );
  report.ratio('memory for ten times as much', large / small, MOST.memory);
}
