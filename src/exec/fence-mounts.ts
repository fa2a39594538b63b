import {
  chmod,
  lstat,
  mkdir,
  open,
  readlink,
  rm,
  symlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { systemCode } from '../model/errors.ts';

/** Where a volume lies inside its fence; short, because SQLite takes 512 bytes of path and no more. */
export const VOLUME_AT = '/v';
/** Where a second directory lies inside it, one of ours that children may write results to. */
export const RESULTS_AT = '/o';
/** An empty file inside the fence: there is no /dev/null. */
export const EMPTY_FILE = '/empty';

/** What programs need of the host, read-only: /usr, and what of these is not a link into it. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/nix', '/gnu'];

interface SystemPaths {
  readonly directories: readonly string[];
  /** [path, where it points] */
  readonly links: readonly (readonly [string, string])[];
}

let known: Promise<SystemPaths> | null = null;

/** Which of the system's directories are there, and which are links (merged /usr); looked at once, until `forgetSystemPaths`. */
export async function systemPaths(): Promise<SystemPaths> {
  known ??= lookAtSystem();
  return known;
}

/** For when what was found turned out not to be so any more. */
export function forgetSystemPaths(): void {
  known = null;
}

async function lookAtSystem(): Promise<SystemPaths> {
  const directories: string[] = [];
  const links: [string, string][] = [];
  for (const path of SYSTEM) {
    const stats = await lstat(path).catch(() => null);
    if (stats?.isDirectory() === true) directories.push(path);
    if (stats?.isSymbolicLink() === true) links.push([path, await readlink(path)]);
  }
  return { directories, links };
}

/**
 * The fence's root as an fstab(5): a small tmpfs, the system read-only, and the working directory of whoever mounts (`.`)
 * as the volume. `mount -c` takes the dot to the kernel as it is, so no path of the volume is looked up. `results`: a host
 * directory that nobody but root can reach.
 */
export function mountTable(
  directories: readonly string[],
  at: string,
  results: string | null = null,
): string {
  const root = escapeField(at);
  const bind = (source: string, target: string, options: string): string =>
    `${escapeField(source)} ${root}${target} none bind,nosuid,nodev,${options},X-mount.mkdir 0 0\n`;
  return [
    `tmpfs ${root} tmpfs mode=0755,size=256k,nr_inodes=64,nosuid,nodev 0 0\n`,
    ...directories.map((path) => bind(path, path, 'ro')),
    bind('.', VOLUME_AT, 'noexec'),
    ...(results === null ? [] : [bind(results, RESULTS_AT, 'noexec,nosymfollow')]),
  ].join('');
}

/** Adds the links and the empty file to a fence's root, reached through its holder's /proc/PID/root. */
export async function furnish(root: string, links: SystemPaths['links']): Promise<void> {
  for (const [path, target] of links) await symlink(target, root + path);
  await writeFile(root + EMPTY_FILE, '');
  await chmod(root + EMPTY_FILE, 0o644);
}

/** A file without a name that holds `text`; mount(8) reads its table only from a regular file. */
export async function namelessFile(directory: string, text: string): Promise<FileHandle> {
  const path = `${directory}/.table-${String(process.pid)}-${String((counter += 1))}`;
  const file = await open(path, 'w+', 0o600);
  try {
    await rm(path);
    await file.writeFile(text);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
let counter = 0;

/** The empty directory a fence's root is mounted on, in the fence's namespace only. */
export async function fencePoint(runtimeDir: string): Promise<string> {
  const at = `${runtimeDir}/fence`;
  await mkdir(runtimeDir, { recursive: true, mode: 0o711 });
  await mkdir(at, { mode: 0o700 }).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
  });
  return at;
}

function escapeField(path: string): string {
  return path.replace(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
