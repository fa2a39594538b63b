import { CowherdError } from '../../model/errors.ts';
import { escapeForTerminal, shortened } from '../../model/names.ts';

/** The error for an archive that is not what its manifest says, or no archive of ours. */
export function damaged(archive: string, what: string): CowherdError {
  return new CowherdError('ARCHIVE_DAMAGED', `${archive} is damaged: ${what}`, {
    hint: 'nothing of it was used; choose another restore point, and look at the disk it lies on',
  });
}

/** A name of any bytes for an error. */
export function shown(path: Buffer): string {
  return path.length === 0 ? '.' : escapeForTerminal(shortened(path.toString('utf8')));
}
