import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import type { FilePath } from '../../model/file-path.ts';
import type { Capture } from '../driver.ts';
import { areQuiet } from '../files/quiet-files.ts';
import { replaceFiles } from '../files/replace-files.ts';
import type { LiveCopies } from '../live-copies.ts';
import { lastMovingPass } from './moving-pass.ts';
import { pass, stagedTree } from './pass.ts';
import { settleLive } from './settle-live.ts';
import { markUnwritten } from './staged-listing.ts';
import { sinceNow, type Staged, type StagingHome } from './staging.ts';

/** One volume of a capture. */
export interface Step {
  readonly key: string;
  readonly staged: Staged;
  /** The archive that will be made of it. */
  readonly name: string;
}

const FLUSH_TIMEOUT_MS = 60_000;

/** What is known of a copy that was made while its volume was written. */
export interface MovedCopy {
  /** What was put in place of its files since, or removed (latin1). */
  readonly replaced: Set<string>;
  unread: readonly FilePath[];
}

/** Of the steps whose volumes were. */
export type Moved = Map<Step, MovedCopy>;

export function replacing(
  { runtimeDir }: StagingHome,
  steps: readonly Step[],
  moved: Moved,
): Omit<LiveCopies, 'scratch'> {
  const stepOf = (name: string): Step =>
    steps.find(({ staged }) => staged.volume.volume === name) ?? notTaken(name);
  return {
    location: (name) => stagedTree(stepOf(name).staged.place),
    areQuiet: async (name, paths, since) => {
      const { live, place } = stepOf(name).staged;
      return areQuiet({ live, tree: stagedTree(place), since }, paths);
    },
    replace: async (name, files) => {
      const step = stepOf(name);
      const { replaced } = moved.get(step) ?? notTaken(name);
      for (const path of files.flatMap((file) => [file.path, ...file.without]))
        replaced.add(path.toString('latin1'));
      const { live, place } = step.staged;
      // First: were this cut short, the next pass would copy them again.
      await settleLive({ live, place, replaced, runtimeDir });
      await markUnwritten(place);
      await replaceFiles(stagedTree(place), files);
    },
  };
}

export function taking(
  home: StagingHome,
  steps: readonly Step[],
  { whole, moved }: { readonly whole: Map<Step, boolean>; readonly moved: Moved },
): Pick<Capture, 'flush' | 'take' | 'reset'> {
  const { layout, runtimeDir } = home;
  let since = sinceNow(home);
  return {
    flush: async () => {
      since = sinceNow(home);
      const timeoutMs = FLUSH_TIMEOUT_MS;
      await run('sync', ['-f', '--', layout.top], { timeoutMs }).catch(() => undefined);
    },
    take: async (signal, moving) => {
      moved.clear();
      const all = steps.map(async (step) => {
        const { live, place } = step.staged;
        const request = { live, place, since, runtimeDir, signal };
        if (moving?.has(step.key) === true) {
          const passed = await lastMovingPass(request);
          moved.set(step, { replaced: new Set(), unread: passed.unread });
          whole.set(step, passed.whole);
        } else whole.set(step, (await pass({ ...request, still: true })).whole);
      });
      const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
    reset: () => Promise.resolve(),
  };
}

/** Throws INTERNAL. */
export function notTaken(image: string): never {
  throw new CowherdError('INTERNAL', `${image} is none of this capture`);
}
