import { pipelineRecords } from '../../exec/pipeline.ts';
import { records } from '../../exec/records.ts';
import { withSignal } from './listing.ts';

const WALK_TIMEOUT_MS = 60 * 60_000;
const LINE_BREAK = 0x0a;
const XARGS_SOME_FAILED = 123;
const ARCHIVABLE = ['(', '-type', 'f', '-o', '-type', 'd', '-o', '-type', 'l', ')'];
const DIRECTORIES = ['-type', 'd'];
const GETFATTR = ['getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--'];
/** What belongs to a host and not to a tree, and how XFS shows ACLs once more. */
const OF_HOST = /^(?:security\.selinux|trusted\.SGI_ACL_(?:FILE|DEFAULT))=/;
const LONGEST_OF_HOST = 30;
const RESTORED = /\n(?:user\.[^\n]*|system\.posix_acl_(?:access|default)=[^\n]*)$/;

/**
 * Extended attributes and ACLs in a tree: a record for each, the name of the file and then the attribute, both as getfattr(1) escapes them.
 * Throws as `records` does.
 */
export async function* attributes(
  tree: string,
  signal: AbortSignal | undefined,
  of: 'all' | 'directories' = 'all',
): AsyncGenerator<Buffer, void> {
  const wanted = of === 'all' ? ARCHIVABLE : DIRECTORIES;
  const argv = ['.', '-xdev', ...wanted, '-exec', ...GETFATTR, '{}', '+'];
  const options = { cwd: tree, timeoutMs: WALK_TIMEOUT_MS, separator: LINE_BREAK };
  yield* eachAttribute(records('find', argv, withSignal(options, signal)));
}

/** The same of some files alone, whose names, a NUL after each, are read from a descriptor; one that is not there has none. */
export async function* attributesOf(
  tree: string,
  { stdin, runtimeDir, signal }: NamesOptions,
): AsyncGenerator<Buffer, void> {
  const args = ['-0', '-r', '--', ...GETFATTR];
  const stage = { file: 'xargs', args, cwd: tree, okExits: [XARGS_SOME_FAILED] };
  const options = { stdin, runtimeDir, timeoutMs: WALK_TIMEOUT_MS, separator: LINE_BREAK };
  yield* eachAttribute(pipelineRecords([stage], withSignal(options, signal)));
}

export interface NamesOptions {
  readonly stdin: number;
  readonly runtimeDir: string;
  readonly signal?: AbortSignal | undefined;
}

async function* eachAttribute(lines: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  let file = Buffer.alloc(0);
  for await (const line of lines) {
    if (line[0] === NAME_MARK) file = Buffer.concat([line, Buffer.of(LINE_BREAK)]);
    else if (line.length > 0 && !OF_HOST.test(line.toString('latin1', 0, LONGEST_OF_HOST)))
      yield Buffer.concat([file, line]);
  }
}

const NAME_MARK = 0x23;

/**
 * True for what a restore brings back: `user.…` and POSIX ACLs. `security.capability` would give a program privileges, and `trusted.…` is only
 * for programs that have them: they are noted in the index, and nobody restores them.
 */
export function isRestoredAttribute(record: Buffer): boolean {
  return RESTORED.test(record.toString('latin1'));
}

const ATTRIBUTE = /^# file: ([^\n]*)\n([^=\n]*)/;

/** The file and the name of an attribute that a restore brings back, as they are; null for any other. */
export function restoredAttribute(
  record: Buffer,
): { readonly path: Buffer; readonly name: Buffer } | null {
  return isRestoredAttribute(record) ? attributeIn(record) : null;
}

/** The file and the name of any attribute. */
export function attributeIn(
  record: Buffer,
): { readonly path: Buffer; readonly name: Buffer } | null {
  const [, path, name] = ATTRIBUTE.exec(record.toString('latin1')) ?? [];
  return path === undefined || name === undefined
    ? null
    : { path: unescaped(path), name: unescaped(name) };
}

function unescaped(text: string): Buffer {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1');
}
