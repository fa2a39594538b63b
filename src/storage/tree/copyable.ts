import { records } from '../../exec/records.ts';
import { CowherdError } from '../../model/errors.ts';
import { shortened } from '../../model/names.ts';

/** What system calls take (PATH_MAX). */
export const LONGEST_PATH = 4_095;
/** In a tree that is copied as a whole: the copy's own place needs some. */
export const LONGEST_INSIDE = 3_500;
const WALK_TIMEOUT_MS = 60 * 60_000;

/**
 * Throws TIER_UNSUPPORTED for a tree that lies too deep to be copied whole: found before anybody is stopped for it. The tree is
 * live: find(1) exits 1 for names that were gone when it came to them, and what cannot be read at all is found by the copying.
 */
export async function expectCopyable(root: string, signal: AbortSignal): Promise<void> {
  const options = { cwd: root, timeoutMs: WALK_TIMEOUT_MS, signal, okExits: [1] };
  for await (const path of records('find', ['.', '-xdev', '-printf', '%P\\0'], options)) {
    if (path.length <= LONGEST_INSIDE) continue;
    const message = `a path in it is ${String(path.length)} bytes long, and only ${String(LONGEST_INSIDE)} can be copied: ${shortened(path.toString())}`;
    throw new CowherdError('TIER_UNSUPPORTED', message, {
      hint: 'move what lies so deep further up, or remove it, then run it again',
    });
  }
}
