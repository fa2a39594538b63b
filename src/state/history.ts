import { mkdir, open, rename, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { untilQuiet } from '../exec/hush.ts';
import { isOwnerAlive, ownerTag } from '../exec/liveness.ts';
import { readIfThere } from '../exec/durable.ts';
import { systemCode } from '../model/errors.ts';
import type { Run } from '../model/run.ts';
import { takeLocks } from './locks.ts';
import { runLineSchema } from './run-schema.ts';

/** Where runs are kept: two files of JSON lines at most, the older of which goes when the newer is full. */
export interface HistoryHome {
  /** `state` of the config. */
  readonly state: string;
  readonly runtimeDir: string;
  /** Milliseconds, of any clock that goes forward. */
  readonly ticks: () => number;
}

const FULL_BYTES = 4 * 1024 * 1024;
const ROTATION_WAIT_MS = 10_000;
const MOST_NAMES = 500;
const MOST_FAILURES = 50;
const MOST_CHARACTERS = 500;
const LINES_AT_ONCE = 100;

/**
 * Adds what is known of a run now; the last line of an id is what holds. `occasion` names what it is a part of, for `endedPart`.
 * On disk when this returns. Throws as Node.js does.
 */
export async function appendRun(
  home: HistoryHome,
  run: Run,
  occasion: string | null = null,
): Promise<void> {
  await mkdir(home.state, { recursive: true, mode: 0o700 });
  const path = newer(home);
  await rotate(home, path);
  const file = await open(path, 'a+', 0o600);
  try {
    // A line that a crash cut short must not spoil this one.
    const { size } = await file.stat();
    const last = size === 0 ? '\n' : await byteAt(file, size - 1);
    const line = `${JSON.stringify({ ...bounded(run), owner: ownerTag(), occasion })}\n`;
    // On a disk that is nearly full write(2) may take a part of it, and say so to nobody.
    await file.writeFile(last === '\n' ? line : `\n${line}`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** All runs that are on record, newest first; lines that cannot be read are passed over. A run whose process is gone was interrupted. */
export async function readRuns(home: Pick<HistoryHome, 'state'>): Promise<readonly Run[]> {
  const byId = new Map<string, Run>();
  for await (const { run } of readLines(home)) byId.set(run.id, run);
  return [...byId.values()].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

/** The run of a command that ended as a part of an occasion, whatever became of it; null where none did. */
export async function endedPart(
  home: Pick<HistoryHome, 'state'>,
  { occasion, command }: { readonly occasion: string; readonly command: Run['command'] },
): Promise<Run | null> {
  for await (const line of readLines(home)) {
    const { run } = line;
    const isEnded = run.outcome !== 'running' && run.outcome !== 'interrupted';
    if (line.occasion === occasion && run.command === command && isEnded) return run;
  }
  return null;
}

interface Line {
  readonly run: Run;
  readonly occasion: string | null;
}

async function* readLines(home: Pick<HistoryHome, 'state'>): AsyncGenerator<Line> {
  const texts = await Promise.all([readIfThere(older(home)), readIfThere(newer(home))]);
  const lines = texts.flatMap((text) => (text ?? '').split('\n'));
  for (const [index, text] of lines.entries()) {
    if (index % LINES_AT_ONCE === 0) await breathe();
    const line = parseLine(text);
    if (line !== null) yield line;
  }
}

/** A full history takes a third of a second: whoever is frozen meanwhile shall not wait for it. */
async function breathe(): Promise<void> {
  await untilQuiet();
  await setImmediate();
}

function parseLine(text: string): Line | null {
  if (text === '') return null;
  try {
    const { owner, occasion, ...run } = runLineSchema.parse(JSON.parse(text));
    const isGone = run.outcome === 'running' && !isOwnerAlive(owner);
    return { occasion, run: isGone ? { ...run, outcome: 'interrupted' } : run };
  } catch {
    return null;
  }
}

const newer = ({ state }: Pick<HistoryHome, 'state'>): string => `${state}/history.jsonl`;
const older = ({ state }: Pick<HistoryHome, 'state'>): string => `${state}/history.1.jsonl`;

async function rotate(home: HistoryHome, path: string): Promise<void> {
  if ((await sizeOf(path)) < FULL_BYTES) return;
  const { runtimeDir, ticks } = home;
  const options = { runtimeDir, waitMs: ROTATION_WAIT_MS, ticks };
  const locks = await takeLocks([{ key: `history:${path}`, label: 'the history' }], options);
  try {
    if ((await sizeOf(path)) >= FULL_BYTES) await rename(path, older(home));
  } finally {
    locks.release();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function byteAt(file: Awaited<ReturnType<typeof open>>, position: number): Promise<string> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
  return buffer.toString('latin1');
}

/** However many agents there are, and whatever a tool has said. */
function bounded(run: Run): Run {
  const cut = (text: string): string => text.slice(0, MOST_CHARACTERS);
  return {
    ...run,
    snapshots: run.snapshots.slice(0, MOST_NAMES),
    failures: run.failures
      .slice(0, MOST_FAILURES)
      .map((failure) => ({ ...failure, message: cut(failure.message), hint: cut(failure.hint) })),
  };
}
