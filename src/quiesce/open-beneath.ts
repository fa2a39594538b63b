import { close as closeCallback, constants, open as openCallback } from 'node:fs';
import { promisify } from 'node:util';

const openFd = promisify(openCallback);
/** close(2) for descriptors of this file. */
export const closeFd = promisify(closeCallback);

const O_PATH = 0o10000000; // not among Node's constants; open(2)
const DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const SLASH = 0x2f;

/** Reading that neither follows a link nor waits for a FIFO's writer nor takes a terminal. */
export const READ_SAFELY =
  constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** `/proc/self/fd/N/name` as bytes: what openat(2) would take, for a single component. */
export function beneath(directoryFd: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${String(directoryFd)}/`), name]);
}

/** openat(2) for one file name. Throws ELOOP for a link, EINVAL for what is no name. */
export async function openAt(
  directoryFd: number,
  name: Buffer,
  flags = READ_SAFELY,
): Promise<number> {
  return openFd(beneath(directoryFd, checked(name)), flags);
}

/** Opens a host directory we trust the way to; the last component must not be a link. */
export async function openRoot(path: string): Promise<number> {
  return openFd(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** Opens a resolved host directory for whatever takes one (O_PATH): a link that came into its path since is not followed. Throws ELOOP, ENOTDIR. */
export async function openResolved(path: string): Promise<number> {
  const root = await openFd('/', DIRECTORY);
  try {
    return await openDirectoryBeneath(root, Buffer.from(path.replace(/^\/+/, '')));
  } finally {
    await closeFd(root);
  }
}

/**
 * Opens a path component by component from a directory's descriptor: no link is followed, PATH_MAX does not count.
 * Throws ELOOP or ENOTDIR for a link on the way, EINVAL for an absolute path, `.` or `..`.
 */
export async function openBeneath(
  rootFd: number,
  path: Buffer,
  flags = READ_SAFELY,
): Promise<number> {
  const { parent, name } = splitPath(path);
  const directory = await openDirectoryBeneath(rootFd, parent);
  try {
    return await openAt(directory, name, flags);
  } finally {
    await closeFd(directory);
  }
}

/** The same for a directory, as an O_PATH descriptor; the empty path is the root itself, on a descriptor of its own. */
export async function openDirectoryBeneath(rootFd: number, path: Buffer): Promise<number> {
  let directory = await openFd(beneath(rootFd, Buffer.from('.')), DIRECTORY);
  for (const name of components(path)) {
    const up = directory;
    try {
      directory = await openAt(up, name, DIRECTORY);
    } finally {
      await closeFd(up);
    }
  }
  return directory;
}

/** `a/b/c` as `a/b` and `c`. */
export function splitPath(path: Buffer): { readonly parent: Buffer; readonly name: Buffer } {
  const slash = path.lastIndexOf(SLASH);
  return { parent: path.subarray(0, Math.max(slash, 0)), name: path.subarray(slash + 1) };
}

function components(path: Buffer): readonly Buffer[] {
  if (path.length === 0) return [];
  const names: Buffer[] = [];
  let start = 0;
  for (let end = path.indexOf(SLASH); end !== -1; end = path.indexOf(SLASH, start)) {
    names.push(path.subarray(start, end));
    start = end + 1;
  }
  return [...names, path.subarray(start)];
}

function checked(name: Buffer): Buffer {
  const text = name.toString('latin1');
  if (text !== '' && text !== '.' && text !== '..' && !/[/\0]/.test(text)) return name;
  throw Object.assign(new Error(`EINVAL: not a file name: ${JSON.stringify(text)}`), {
    code: 'EINVAL',
  });
}
