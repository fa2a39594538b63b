/** Every code Cowherd fails with and the exit status it stands for (CONTRACT.md, "Codes"). */
export const EXIT_STATUS = {
  USAGE: 2,
  CONFIG_INVALID: 2,
  AGENT_UNKNOWN: 2,
  AGENT_AMBIGUOUS: 2,
  SNAPSHOT_UNKNOWN: 2,
  RUN_UNKNOWN: 2,
  POLICY_EMPTY: 2,
  LOCKED: 4,
  CONFIRMATION_REQUIRED: 5,
  OTHER_USERS: 5,
  AUTOREMOVE_USER: 5,
  ORCHESTRATED_USER: 5,
  FROZEN_USER: 5,
  CLOCK_SUSPECT: 5,
  REVERTED: 7,
  INTERRUPTED: 130,
  DOCKER_UNREACHABLE: 1,
  TIER_UNSUPPORTED: 1,
  FREEZE_TIMEOUT: 1,
  GUARD_LOST: 1,
  CAPTURE_INVALIDATED: 1,
  HOOK_FAILED: 1,
  NO_SPACE: 1,
  TOOL_MISSING: 1,
  TOOL_FAILED: 1,
  PERMISSION_DENIED: 1,
  IO_ERROR: 1,
  ARCHIVE_DAMAGED: 1,
  INTERNAL: 1,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;

/** The HTTP status the API answers with for each code. */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG_INVALID: 500,
  AGENT_UNKNOWN: 404,
  AGENT_AMBIGUOUS: 409,
  SNAPSHOT_UNKNOWN: 404,
  RUN_UNKNOWN: 404,
  POLICY_EMPTY: 400,
  LOCKED: 409,
  CONFIRMATION_REQUIRED: 409,
  OTHER_USERS: 409,
  AUTOREMOVE_USER: 409,
  ORCHESTRATED_USER: 409,
  FROZEN_USER: 409,
  CLOCK_SUSPECT: 409,
  REVERTED: 500,
  INTERRUPTED: 500,
  DOCKER_UNREACHABLE: 503,
  TIER_UNSUPPORTED: 500,
  FREEZE_TIMEOUT: 500,
  GUARD_LOST: 500,
  CAPTURE_INVALIDATED: 500,
  HOOK_FAILED: 500,
  NO_SPACE: 507,
  TOOL_MISSING: 500,
  TOOL_FAILED: 500,
  PERMISSION_DENIED: 500,
  IO_ERROR: 500,
  ARCHIVE_DAMAGED: 500,
  INTERNAL: 500,
};

export interface ErrorOptions {
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error type: a stable code, what happened, and what to do about it. */
export class CowherdError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'CowherdError';
    this.code = code;
    this.hint = options.hint ?? '';
    this.details = options.details ?? {};
  }
}

/** A failure as JSON documents list it; `agent` is null where no agent is concerned. */
export interface Failure {
  readonly agent: string | null;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'IO_ERROR',
  EIO: 'IO_ERROR',
  EXDEV: 'IO_ERROR',
  ENOENT: 'IO_ERROR',
  ENOTDIR: 'IO_ERROR',
  EEXIST: 'IO_ERROR',
  ELOOP: 'IO_ERROR',
  EBUSY: 'IO_ERROR',
  ENXIO: 'IO_ERROR',
  // EBADE and EBADR, which Node.js has no names for: a wrong checksum in metadata of OpenZFS (ECKSUM, EFRAGS).
  'Unknown system error -52': 'IO_ERROR',
  'Unknown system error -53': 'IO_ERROR',
};

/** What to do about a filesystem that has become read-only (EROFS). */
export const READ_ONLY_HINT =
  'the kernel log (dmesg) tells why it is read-only; once it is well, make it writable again (mount -o remount,rw, or unmount and mount it), then run it again';

/** What to do about a filesystem that does not answer as it should (EIO). */
export const BAD_DISK_HINT =
  'look at the kernel log (dmesg) and at the state of this filesystem (zpool status, btrfs device stats)';

const SYSTEM_HINTS: Partial<Record<ErrorCode, string>> = {
  NO_SPACE:
    'free some space on this filesystem (cowherd prune --dry-run shows what can go), then run it again',
  PERMISSION_DENIED: 'run cowherd as root',
  IO_ERROR: BAD_DISK_HINT,
};

/** Any thrown value as a CowherdError: system errors get their code, the unexpected is INTERNAL. */
export function toCowherdError(thrown: unknown): CowherdError {
  if (thrown instanceof CowherdError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const system = systemCode(thrown) ?? '';
  const code = SYSTEM_CODES[system] ?? 'INTERNAL';
  const hint =
    (system === 'EROFS' ? READ_ONLY_HINT : SYSTEM_HINTS[code]) ??
    'this is a defect in cowherd: please report it with the output of --verbose';
  return new CowherdError(code, message, { hint, cause: thrown });
}

/** The errno name (`ENOENT`) a Node system error carries, or null. */
export function systemCode(thrown: unknown): string | null {
  if (!(thrown instanceof Error) || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' ? thrown.code : null;
}

/** The failure entry of an agent (or of none) for a thrown value. */
export function toFailure(agent: string | null, thrown: unknown): Failure {
  const { code, message, hint } = toCowherdError(thrown);
  return { agent, code, message, hint };
}
