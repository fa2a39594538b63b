/** What doctor and status call the things they find; more may come. */
export type FindingCode =
  | 'DOCKER_UNREACHABLE'
  | 'HOST_UNREADABLE'
  | 'TOOL_MISSING'
  | 'PERMISSION'
  | 'CLOCK_SUSPECT'
  | 'AMBIGUOUS'
  | 'NOT_ISOLATED'
  | 'NO_DRIVER'
  | 'TIER_UNSUPPORTED'
  | 'DATA_MISSING'
  | 'LISTED_PATH_MISSING'
  | 'NEVER_CAPTURED'
  | 'OVERDUE'
  | 'SCHEDULE_FAILING'
  | 'NESTED_SUBVOLUMES'
  | 'MOUNT_POINT'
  | 'NOCOW'
  | 'IMMUTABLE'
  | 'STAGED'
  | 'SWAPFILE'
  | 'RECEIVED_UUID'
  | 'NOT_INSPECTED'
  | 'AUTOREMOVE_USER'
  | 'ORCHESTRATED_USER'
  | 'OTHER_USERS'
  | 'OVERSEER'
  | 'SANDBOXED_RUNTIME'
  | 'BACKUP_TOOLS'
  | 'LOW_SPACE'
  | 'SPACE_SHRINKING'
  | 'READ_ONLY'
  | 'POOL_DEGRADED'
  | 'NOT_PROMOTED'
  | 'NOT_MOUNTED'
  | 'EMPTIED'
  | 'LEFTOVERS'
  | 'TRANSACTION_CUT_SHORT'
  | 'FROZEN_LEFT'
  | 'DAMAGED_RESTORE_POINT'
  | 'STORE_UNREADABLE'
  | 'DAMAGED_RECORD'
  | 'HOSTILE_PATH'
  | 'HOSTILE_STORE'
  | 'HOSTILE_DATABASE'
  | 'HOSTILE_LINKS'
  | 'HOSTILE_NAME';

export type Severity = 'info' | 'warn' | 'error';

/** One thing worth knowing, and what mends it: a command, or what to do in words. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  /** Null where it concerns the host. */
  readonly agent: string | null;
  readonly volume: string | null;
  /** The id of the one that it is about. */
  readonly filesystem?: string;
  readonly message: string;
  /** Null where there is nothing to mend. */
  readonly mend: string | null;
}

type Rest = Pick<Finding, 'message'> & Partial<Omit<Finding, 'code' | 'severity' | 'message'>>;

/** A finding; agent, volume and mend are null where they are left out. */
export function finding(code: FindingCode, severity: Severity, rest: Rest): Finding {
  return { code, severity, ...{ agent: null, volume: null, mend: null }, ...rest };
}

/** What `doctor` and `status` exit with when a person is needed. */
export const NEEDS_PERSON = 6;

/** True when a warning or an error is among them. */
export function needsPerson(findings: readonly Pick<Finding, 'severity'>[]): boolean {
  return findings.some(({ severity }) => severity !== 'info');
}

const ORDER: readonly Severity[] = ['error', 'warn', 'info'];

/** The worst first, the host before its agents, else as they came. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ severity, agent }: Finding): number =>
    ORDER.indexOf(severity) * 2 + (agent === null ? 0 : 1);
  return [...findings].sort((a, b) => rank(a) - rank(b));
}

/** The first few of a list for a message: `a, b, c and 4 more`. */
export function someOf(names: readonly string[], shown = 3): string {
  const more = names.length - shown;
  const listed = names.slice(0, shown).join(', ');
  return more > 0 ? `${listed} and ${more} more` : listed;
}
