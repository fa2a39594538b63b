import { mkdirSync } from 'node:fs';

/** Where the program keeps its locks, records and mount points. */
export const RUNTIME = '/run/cowherd';

/**
 * What starts a command in a mount namespace of its own, where a tmpfs with these options (tmpfs(5)) lies over the runtime
 * directory. Nobody else sees it, and it ends with the command.
 */
export function withRuntime(options: string): readonly string[] {
  mkdirSync(RUNTIME, { recursive: true, mode: 0o700 });
  const unmount = 'for mounted in "$2"/fs/*; do umount "$mounted"; done';
  const script = `${unmount} 2>/dev/null; mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"`;
  const unshare = ['unshare', '--mount', '--propagation', 'private', '--'];
  return [...unshare, 'sh', '-c', script, 'sh', `mode=700,${options}`, RUNTIME];
}
