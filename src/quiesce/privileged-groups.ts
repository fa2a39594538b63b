import { readFile, stat } from 'node:fs/promises';

/**
 * Groups that are as good as root on this host: root's own, the one called docker, and that of Docker's socket. What cannot be
 * read adds none.
 */
export async function privilegedGids(socket: string | null): Promise<ReadonlySet<number>> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const named = /^docker:[^:]*:(\d+):/m.exec(groups)?.[1];
  const ofSocket = socket === null ? null : await stat(socket).catch(() => null);
  return new Set([
    0,
    ...(named === undefined ? [] : [Number(named)]),
    ...(ofSocket === null ? [] : [ofSocket.gid]),
  ]);
}
