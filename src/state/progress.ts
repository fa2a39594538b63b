import { mkdir } from 'node:fs/promises';
import { readIfThere, writeDurably } from '../exec/durable.ts';
import { sha256 } from '../model/digest.ts';
import { progressSchema, type Kept, type Progress } from './run-schema.ts';

/** Where progress is kept; in the runtime directory what could not be written to the state directory, which may be full. */
export interface ProgressHome {
  /** `state` of the config. */
  readonly state: string;
  readonly runtimeDir: string;
}

/** Null when it never ran, or nobody can tell any more. */
export async function readProgress(home: ProgressHome, schedule: string): Promise<Progress | null> {
  return newest(home, schedule);
}

/** Of what is in both the one that was written last: their times are of a clock that may have been set. */
async function newest({ state, runtimeDir }: ProgressHome, schedule: string): Promise<Kept | null> {
  const kept = await Promise.all(
    [state, runtimeDir].map(async (directory) => readOne(fileIn(directory, schedule))),
  );
  const [last = null] = kept.filter((one) => one !== null).sort((a, b) => b.turn - a.turn);
  return last;
}

async function readOne(path: string): Promise<Kept | null> {
  try {
    const text = await readIfThere(path);
    return text === null ? null : progressSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** True for progress that only the runtime directory has, which a reboot empties: it is to be written again when there is room. */
export async function isProgressLoose(
  { state, runtimeDir }: ProgressHome,
  schedule: string,
): Promise<boolean> {
  const loose = await readOne(fileIn(runtimeDir, schedule));
  if (loose === null) return false;
  return loose.turn > ((await readOne(fileIn(state, schedule)))?.turn ?? 0);
}

/** For whoever holds the schedule's lock. Throws as Node.js does where it can be kept nowhere. */
export async function writeProgress(
  home: ProgressHome,
  schedule: string,
  progress: Progress,
): Promise<void> {
  const kept = { ...progress, turn: ((await newest(home, schedule))?.turn ?? 0) + 1 };
  try {
    await writeIn(home.state, schedule, kept);
  } catch (error) {
    await writeIn(home.runtimeDir, schedule, kept).catch(() => {
      throw error;
    });
  }
}

async function writeIn(directory: string, schedule: string, kept: Kept): Promise<void> {
  await mkdir(`${directory}/schedules`, { recursive: true, mode: 0o700 });
  await writeDurably(fileIn(directory, schedule), `${JSON.stringify(kept)}\n`);
}

function fileIn(directory: string, schedule: string): string {
  return `${directory}/schedules/${sha256(schedule).slice(0, 32)}.json`;
}
