import { CowherdError } from '../../model/errors.ts';
import { ioctls } from './ioctl.ts';
import { guidOfHex } from './root-tree.ts';

export interface Subvolume {
  readonly uuid: string;
  readonly parentUuid: string | null;
  readonly receivedUuid: string | null;
  readonly readonly: boolean;
}

/**
 * What some subvolumes are, in their order, in a time that does not grow with what else is on the filesystem, as that of
 * `btrfs subvolume show` does. Throws TOOL_MISSING without Perl, TOOL_FAILED when one of them is none.
 */
export async function readSubvolumes(paths: readonly string[]): Promise<readonly Subvolume[]> {
  const process = ioctls();
  try {
    const told = await process.ask(
      'info',
      paths.map((path) => [path]),
    );
    return told.map((one) => {
      if ('error' in one) throw one.error;
      return parseInfo(one.text);
    });
  } finally {
    process.giveBack();
  }
}

function parseInfo(record: string): Subvolume {
  const [flags, ...hex] = record.split(' ');
  const [uuid = null, parentUuid = null, receivedUuid = null] = hex.map(guidOfHex);
  if (uuid === null) throw new CowherdError('TOOL_FAILED', 'a subvolume has no UUID');
  return { uuid, parentUuid, receivedUuid, readonly: (Number(flags) & 1) === 1 };
}
