import { EXIT_STATUS, type Failure } from '../model/errors.ts';

const FAILED = 1;
const PARTLY = 3;

/** Exit status of a command over several agents: 0, 3 when some succeeded, else that of the failures (1 when they differ). */
export function statusOf(failures: readonly Pick<Failure, 'code'>[], succeeded: number): number {
  const [first] = failures;
  if (first === undefined) return 0;
  if (failures.some(({ code }) => code === 'INTERRUPTED')) return EXIT_STATUS.INTERRUPTED;
  if (succeeded > 0) return PARTLY;
  const status = EXIT_STATUS[first.code];
  return failures.every(({ code }) => EXIT_STATUS[code] === status) ? status : FAILED;
}
