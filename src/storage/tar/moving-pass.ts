import type { FilePath } from '../../model/file-path.ts';
import { toCowherdError } from '../../model/errors.ts';
import { pass, type Passed, type PassRequest } from './pass.ts';
import { settleLive } from './settle-live.ts';

const ATTEMPTS = 3;
const NOTHING: ReadonlySet<string> = new Set();

type MovingPass = Omit<PassRequest, 'still'>;

/** A pass over a volume in use. A directory may go while it is read, or become something else: then once more. Throws as `pass` does. */
export async function movingPass(request: MovingPass): Promise<Passed> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await pass({ ...request, still: false });
    } catch (error) {
      request.signal?.throwIfAborted();
      if (attempt === ATTEMPTS || toCowherdError(error).code !== 'TOOL_FAILED') throw error;
    }
  }
}

export interface LastPassed extends Passed {
  /** What could not be read as it is, however often it was tried. */
  readonly unread: readonly FilePath[];
}

/** The same for the last pass of a copy that is not of one moment. Names may turn into others and back whenever they are looked at: what is not copied is told. */
export async function lastMovingPass(request: MovingPass): Promise<LastPassed> {
  for (let attempt = 1; ; attempt += 1) {
    const passed = await movingPass(request);
    const { unread } = await settleLive({ ...request, replaced: NOTHING });
    if (unread.length === 0 || attempt === ATTEMPTS) return { ...passed, unread };
  }
}
