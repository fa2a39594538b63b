import { records } from '../../exec/records.ts';
import { toCowherdError } from '../../model/errors.ts';
import type { InspectRequest, VolumeFacts } from '../driver.ts';
import { parseLsattr } from './inode-flags.ts';
import { hostPath, type Layout } from './layout.ts';
import { showSubvolume } from './subvolume.ts';
import { withTransientImage } from './transient.ts';

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
  let found: FlagCount = { nocow: 0, immutable: 0, truncated: false };
  let lines = 0;
  const options = { cwd: root, separator: LINE_BREAK, timeoutMs };
  try {
    for await (const line of records('lsattr', ['-R', '-a', '.'], options)) {
      lines += 1;
      if (lines > maxEntries) return { ...found, truncated: true };
      found = countOf(found, parseLine(line));
    }
  } catch (error) {
    return { ...found, truncated: isEarlyEnd(error) };
  }
  return found;
}

/** The root stands in its own listing as `./.`, which no other entry does. */
function parseLine(line: Buffer): Entries {
  return parseLsattr(line.toString('latin1').replace(/ \.\/\.$/, ' .'));
}

type Entries = ReturnType<typeof parseLsattr>;

function countOf(sofar: FlagCount, entries: Entries): FlagCount {
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
