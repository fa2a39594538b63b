import { records } from '../../exec/records.ts';
import { run } from '../../exec/run.ts';
import { toCowherdError } from '../../model/errors.ts';
import type { InspectRequest, VolumeFacts } from '../driver.ts';
import { withTransientImage } from './capture.ts';
import { parseLsattr } from './inode-flags.ts';
import { hostPath, type Layout } from './layout.ts';
import { showSubvolume } from './subvolume.ts';

const LINE_BREAK = 0x0a;

/** `Store.inspect`: flags from a read-only image, identity from the live subvolume. Throws TOOL_MISSING, TOOL_FAILED. */
export async function inspectVolume(layout: Layout, request: InspectRequest): Promise<VolumeFacts> {
  const { volume, image } = request;
  const look = async (root: string): Promise<FlagCount> => countFlags(root, request);
  const counted = await (image === null ? withTransientImage(layout, volume, look) : look(image));
  const receivedGuid = volume.isolated
    ? (await showSubvolume(hostPath(layout, volume.pathInFs))).receivedUuid
    : null;
  return { ...counted, receivedGuid };
}

type FlagCount = Omit<VolumeFacts, 'receivedGuid'>;

type Limits = Pick<InspectRequest, 'maxEntries' | 'timeoutMs'>;

/** Counts entries with flags that matter, the root included; stops at its limits (`truncated`). */
async function countFlags(root: string, { maxEntries, timeoutMs }: Limits): Promise<FlagCount> {
  const own = parseLsattr((await run('lsattr', ['-d', '.'], { cwd: root })).stdout);
  let found = countOf({ nocow: 0, immutable: 0, truncated: false }, own);
  let lines = 0;
  const options = { cwd: root, separator: LINE_BREAK, timeoutMs };
  try {
    for await (const line of records('lsattr', ['-R', '-a', '.'], options)) {
      lines += 1;
      if (lines > maxEntries) return { ...found, truncated: true };
      found = countOf(found, parseLsattr(line.toString('latin1')));
    }
  } catch (error) {
    return { ...found, truncated: isEarlyEnd(error) };
  }
  return found;
}

function countOf(sofar: FlagCount, entries: ReturnType<typeof parseLsattr>): FlagCount {
  const having = (flags: RegExp): number =>
    entries.filter((entry) => flags.test(entry.flags)).length;
  return {
    ...sofar,
    nocow: sofar.nocow + having(/C/),
    immutable: sofar.immutable + having(/[ia]/),
  };
}

/** lsattr(1) exits 1 for what has no flags (sockets, devices); that is an end, not a failure. */
function isEarlyEnd(error: unknown): boolean {
  const { details } = toCowherdError(error);
  if (details['exitCode'] === 1) return false;
  if (details['timedOut'] === true || details['oversized'] === true) return true;
  throw error;
}
