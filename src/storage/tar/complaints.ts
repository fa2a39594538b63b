import { failureOf } from '../../exec/run.ts';
import type { StageEnd } from '../../exec/stages.ts';
import { BAD_DISK_HINT, CowherdError } from '../../model/errors.ts';

/** Of tar(1), which has gone on with the rest then. */
export const SOME_FAILED = 2;

/** What a disk does not give, tar(1) fills with zeros and only warns of, where it forgives. At the end of a line: names come before. */
const BAD_DISK = /^.*: Input\/output error$/m;
/** Of names that were something else when they were read than when they were listed, and stand in the way of each other. */
const IN_THE_WAY =
  /: (File exists|Is a directory|Not a directory|Directory not empty|No such file or directory|Too many levels of symbolic links)$/;
const LAST_WORDS = 'tar: Exiting with failure status due to previous errors';

/**
 * What a reading and a writing tar(1) said of a volume that is in use: names may have changed under their hands, and what they left out then is found
 * by comparing. Throws IO_ERROR for a bad disk, and what else the writing one failed with.
 */
export function expectForgivable(stages: readonly StageEnd[]): void {
  const line = stages.map(({ stderr }) => BAD_DISK.exec(stderr)?.[0]).find(Boolean);
  if (line !== undefined)
    throw new CowherdError('IO_ERROR', `a file of the volume could not be read: ${line}`, {
      hint: BAD_DISK_HINT,
    });
  const writing = stages.at(-1);
  if (writing?.exitCode !== SOME_FAILED) return;
  const { stage, exitCode, stderr } = writing;
  const others = stderr
    .trimEnd()
    .split('\n')
    .filter((said) => said !== LAST_WORDS && !IN_THE_WAY.test(said));
  if (others.length === 0) return;
  const { file, args } = stage;
  throw failureOf({ file, args, code: undefined, timedOut: false, exitCode, stderr });
}
