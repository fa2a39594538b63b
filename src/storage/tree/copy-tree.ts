import { mkdir, writeFile } from 'node:fs/promises';
import { failureOf, run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import { shortened } from '../../model/names.ts';
import { LONGEST_PATH } from './copyable.ts';
import { inodeFlags, type FlaggedEntry } from './inode-flags.ts';

/** Of cp(1), which has copied the rest then. */
const SOME_FAILED = 1;
const COPY_TIMEOUT_MS = 6 * 60 * 60_000;
const MAX_COMPLAINTS_BYTES = 256 * 1024 * 1024;
/** Between a tree and what is in it, as cp(1) has it. */
const JOINT = '/./';
/** What a copy of it elsewhere may need for its own directories. */
const ROOM_BYTES = 600;

/** Whether a copy shares its source's extents (reflink), so that contents are equal by construction. */
export type Sharing = 'shared' | 'copied';

export interface CopyOptions {
  readonly sharing: Sharing;
  /** Leaves out what lies too deep to be copied again somewhere else, instead of failing for it. */
  readonly leaveTooDeep?: boolean;
  /** It is changed meanwhile: what goes or becomes something else is left out. */
  readonly moving?: boolean;
  /** Somebody is frozen for it. */
  readonly urgent?: boolean;
  /** Ends the copying. */
  readonly signal?: AbortSignal;
}

/**
 * Copies what is in a directory into an empty one, with owners, modes, times, xattrs, ACLs, hard
 * links, holes and inode flags. Nothing is followed, no other filesystem entered. NOCOW files can be shared only with
 * files that are NOCOW from birth (ioctl_ficlonerange(2), EINVAL): those are made first. False when something was left out.
 * Throws NO_SPACE, or TOOL_FAILED naming what could not be copied.
 */
export async function copyTree(
  source: string,
  target: string,
  options: CopyOptions,
): Promise<boolean> {
  const place = options.leaveTooDeep === true ? lengthened(target) : target;
  const { signal } = options;
  const flagged = async function* (): AsyncGenerator<FlaggedEntry, void> {
    for await (const entry of inodeFlags(source, signal))
      if (place.length + JOINT.length + entry.path.length <= LONGEST_PATH) yield entry;
  };
  const isMore = await prepareNocow(target, flagged(), signal);
  const whole = await copyFiles(source, place, options);
  if (isMore) await restoreFlags(target, flagged(), signal);
  return whole;
}

/** The same place by a longer name: what cp(1) can reach by it can be reached where a copy of it will be. */
function lengthened(path: string): string {
  return path + '/.'.repeat(Math.max(0, Math.ceil((ROOM_BYTES - path.length) / 2)));
}

/** The same without inode flags; a NOCOW file can be shared only where its copy was made before. */
export async function copyFiles(
  source: string,
  target: string,
  { sharing, leaveTooDeep = false, moving = false, urgent = false, signal }: CopyOptions,
): Promise<boolean> {
  const how = ['-a', `--reflink=${sharing === 'shared' ? 'always' : 'never'}`];
  // With -T by its whole name: cp(1) goes to what is in a directory from there otherwise, as deep as that is.
  const args = [...how, '--one-file-system', '-T', '--', `${source}/.`, `${target}/.`];
  const { exitCode, stderr } = await run('cp', args, {
    timeoutMs: COPY_TIMEOUT_MS,
    diesWithUs: true,
    maxOutputBytes: MAX_COMPLAINTS_BYTES,
    okExits: [SOME_FAILED],
    urgent,
    ...(signal === undefined ? {} : { signal }),
  });
  signal?.throwIfAborted();
  if (exitCode === 0) return true;
  const tooDeep = stderr.split('\n').some((line) => line.endsWith(TOO_DEEP));
  const others = complaintsBesides(stderr).filter((line) => !moving || !HAS_GONE.test(line));
  if ((leaveTooDeep || !tooDeep) && others.length === 0) return !tooDeep;
  const said = others.length === 0 ? stderr : others.join('\n');
  throw failureOf({ file: 'cp', args, code: undefined, timedOut: false, exitCode, stderr: said });
}

const TOO_DEEP = ': File name too long';
/** What cp(1) says of something that was there when it read the directory. */
const HAS_GONE = /: (No such file or directory|Not a directory)$|replaced while being copied$/;

/**
 * The lines in which cp(1) says anything but that something lies too deep; an empty one where it says nothing. It goes on after what it cannot copy, and names each on a line of its own,
 * escaped, with the reason at its end.
 */
export function complaintsBesides(stderr: string): readonly string[] {
  return stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.endsWith(TOO_DEEP));
}

/** Entries that are dealt with together, and kept in memory. */
const TOGETHER = 4_096;

/**
 * Empty files that are NOCOW, a batch as soon as there is one. A directory has its flag when all is in it: what lies in it need not
 * be NOCOW as well. True when there are flags that come last.
 */
async function prepareNocow(
  target: string,
  flagged: AsyncIterable<FlaggedEntry>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let isMore = false;
  for await (const batch of batchesOf(flagged)) {
    isMore ||= batch.some((entry) => lastFlags(entry) !== '');
    const nocow = batch.filter(({ kind, flags }) => kind === 'file' && flags.includes('C'));
    const files = nocow.map(({ path }) => placeOf(target, path));
    signal?.throwIfAborted();
    await makeEmpty(files);
    await setFlags('C', files, signal);
  }
  return isMore;
}

async function makeEmpty(files: readonly Buffer[]): Promise<void> {
  let made: Buffer = Buffer.alloc(0);
  for (const file of files) {
    const directory = file.subarray(0, file.lastIndexOf(0x2f));
    if (!made.equals(directory)) await mkdir(directory, { recursive: true, mode: 0o700 });
    made = directory;
    await writeFile(file, '', { flag: 'wx', mode: 0o600 });
  }
}

/** What a file is made with is not among them. */
function lastFlags({ kind, flags }: FlaggedEntry): string {
  return kind === 'directory' ? flags : flags.replace('C', '');
}

/** Flags that forbid writing come last, on files before the directories that hold them. */
async function restoreFlags(
  target: string,
  flagged: AsyncIterable<FlaggedEntry>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const batch of batchesOf(flagged))
    for (const [flags, entries] of Map.groupBy(batch, lastFlags)) {
      if (flags === '') continue;
      const places = entries.map(({ path }) => placeOf(target, path));
      await setFlags(flags, places, signal).catch((error: unknown) => {
        signal?.throwIfAborted();
        const some = shortened(entries[0]?.path.toString() ?? '');
        const message = `inode flags ${flags} of ${some} or others could not be set`;
        throw new CowherdError('TOOL_FAILED', message, { cause: error });
      });
    }
}

async function* batchesOf(
  flagged: AsyncIterable<FlaggedEntry>,
): AsyncGenerator<readonly FlaggedEntry[], void> {
  let batch: FlaggedEntry[] = [];
  for await (const entry of flagged) {
    batch.push(entry);
    if (batch.length < TOGETHER) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** As many at a time as a command line takes; the names may be of any bytes. */
async function setFlags(
  flags: string,
  places: readonly Buffer[],
  signal: AbortSignal | undefined,
): Promise<void> {
  if (places.length === 0) return;
  const input = Buffer.concat(places.flatMap((place) => [place, Buffer.of(0)]));
  await run('xargs', ['-0', '--', 'chattr', `+${flags}`, '--'], {
    input,
    ...(signal === undefined ? {} : { signal }),
  });
}

function placeOf(target: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${target}/`), path]);
}
