import { records } from '../../exec/records.ts';
import { toCowherdError } from '../../model/errors.ts';
import type { InspectRequest, VolumeFacts } from '../driver.ts';
import { parseLsattr } from './inode-flags.ts';

export type TreeFacts = Omit<VolumeFacts, 'receivedGuid'>;

const LINE_BREAK = 0x0a;

type Limits = Pick<InspectRequest, 'root' | 'maxEntries' | 'timeoutMs'>;

/** Counts entries of a read-only tree with flags that matter, the root included; stops at its limits (`truncated`). Throws TOOL_MISSING, TOOL_FAILED. */
export async function lookThrough({ root, maxEntries, timeoutMs }: Limits): Promise<TreeFacts> {
  let found: TreeFacts = { nocow: 0, immutable: 0, truncated: false };
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

function countOf(sofar: TreeFacts, entries: Entries): TreeFacts {
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
