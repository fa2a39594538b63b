import { toCowherdError } from '../../model/errors.ts';
import { pass, type Passed, type PassRequest } from './pass.ts';
import { settleLive } from './settle-live.ts';

const ATTEMPTS = 3;
const NOTHING: ReadonlySet<string> = new Set();

type MovingPass = Omit<PassRequest, 'still'>;

/** A pass over a volume in use. A directory may go while it is read, or become something else: then once more. Throws as `pass` does. */
export async function movingPass(request: MovingPass): Promise<Passed> {
  return patiently(request, async () => pass({ ...request, still: false }));
}

/** The same for the last pass of a copy that is not of one moment: whatever did not change meanwhile is in it. Throws TOOL_FAILED naming what is not. */
export async function lastMovingPass(request: MovingPass): Promise<Passed> {
  return patiently(request, async () => {
    const passed = await pass({ ...request, still: false });
    await settleLive({ ...request, replaced: NOTHING });
    return passed;
  });
}

async function patiently({ signal }: MovingPass, work: () => Promise<Passed>): Promise<Passed> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt === ATTEMPTS || toCowherdError(error).code !== 'TOOL_FAILED') throw error;
    }
  }
}
