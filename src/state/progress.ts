import { mkdir, rm } from 'node:fs/promises';
import { readIfThere, writeDurably } from '../exec/durable.ts';
import { sha256 } from '../model/digest.ts';
import { progressSchema, type Progress } from './run-schema.ts';

/** Where progress is kept; in the runtime directory what could not be written to the state directory, which may be full. */
export interface ProgressHome {
  /** `state` of the config. */
  readonly state: string;
  readonly runtimeDir: string;
}

/** Null when it never ran, or nobody can tell any more. */
export async function readProgress(
  { state, runtimeDir }: ProgressHome,
  schedule: string,
): Promise<Progress | null> {
  const kept = await Promise.all(
    [state, runtimeDir].map(async (directory) => readOne(fileIn(directory, schedule))),
  );
  const [newest = null] = kept
    .filter((progress) => progress !== null)
    .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  return newest;
}

async function readOne(path: string): Promise<Progress | null> {
  try {
    const text = await readIfThere(path);
    return text === null ? null : progressSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** For whoever holds the schedule's lock. Throws as Node.js does where it can be kept nowhere. */
export async function writeProgress(
  { state, runtimeDir }: ProgressHome,
  schedule: string,
  progress: Progress,
): Promise<void> {
  try {
    await writeIn(state, schedule, progress);
    // What lies there is older, whatever time it was given by a clock that was wrong.
    await rm(fileIn(runtimeDir, schedule), { force: true }).catch(() => undefined);
  } catch (error) {
    await writeIn(runtimeDir, schedule, progress).catch(() => {
      throw error;
    });
  }
}

async function writeIn(directory: string, schedule: string, progress: Progress): Promise<void> {
  await mkdir(`${directory}/schedules`, { recursive: true, mode: 0o700 });
  await writeDurably(fileIn(directory, schedule), `${JSON.stringify(progress)}\n`);
}

function fileIn(directory: string, schedule: string): string {
  return `${directory}/schedules/${sha256(schedule).slice(0, 32)}.json`;
}
