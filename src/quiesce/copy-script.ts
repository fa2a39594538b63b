import { RESULTS_AT } from '../exec/fence-mounts.ts';

/** What sqlite3 says when the copy is whole. */
const COPIED = 'copied';

/** Where a fenced child writes its copy, in a directory of its own. */
export function resultAt(name: string): string {
  return `${RESULTS_AT}/${name}/db`;
}

/**
 * What sqlite3 reads: one read transaction, begun without a look at the schema, and all pages as they are in it
 * (sqlite.org/backup.html: a source that is in a transaction already stays in it from step to step).
 */
export function copyScript(name: string, busyTimeoutMs: number): string {
  return [
    `.timeout ${String(Math.round(busyTimeoutMs))}`,
    'PRAGMA trusted_schema=OFF;',
    'BEGIN;',
    'PRAGMA schema_version;',
    `.backup --async main ${resultAt(name)}`,
    `SELECT '${COPIED}';`,
    '',
  ].join('\n');
}

/** True when sqlite3 came to the end of the script. */
export function isCopied(stdout: string): boolean {
  return stdout.trimEnd().split('\n').at(-1) === COPIED;
}
