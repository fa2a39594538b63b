import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { isOwnerAlive, ownerTag } from '../../exec/liveness.ts';
import { run } from '../../exec/run.ts';
import { systemCode } from '../../model/errors.ts';
import { mountPrivately, mountedAt } from './datasets.ts';

let mounted = 0;

/** Gives host directories of snapshots or datasets, mounted for us alone, to `use`; unmounted whatever happens. */
export async function withMounted<T>(
  runtimeDir: string,
  request: { readonly sources: readonly string[]; readonly mode: 'ro' | 'rw' },
  use: (roots: readonly string[]) => Promise<T>,
): Promise<T> {
  const roots: string[] = [];
  try {
    for (const source of request.sources) {
      const root = await nextRoot(runtimeDir);
      roots.push(root);
      await mountPrivately(source, root, [request.mode]);
    }
    return await use(roots);
  } finally {
    for (const root of roots) await unmountAt(root);
  }
}

/** Gives a host directory as its own filesystem has it, without what is mounted below it, to `use`; no link in it is followed. */
export async function withDirectory<T>(
  runtimeDir: string,
  path: string,
  use: (root: string) => Promise<T>,
): Promise<T> {
  const root = await nextRoot(runtimeDir);
  try {
    const flags = 'nosuid,nodev,noexec,nosymfollow';
    await run('mount', ['--bind', '--make-private', '-o', flags, '--', path, root]);
    return await use(root);
  } finally {
    await unmountAt(root);
  }
}

async function nextRoot(runtimeDir: string): Promise<string> {
  mounted += 1;
  const root = `${imagesIn(runtimeDir)}/${ownerTag()}-${String(mounted)}`;
  await mkdir(root, { recursive: true, mode: 0o700 });
  return root;
}

function imagesIn(runtimeDir: string): string {
  return `${runtimeDir}/images`;
}

async function unmountAt(root: string): Promise<void> {
  if ((await mountedAt(root)) !== null) await run('umount', ['--', root]);
  await rmdir(root);
}

/** Mounts of dead processes. Host paths. */
export async function deadImages(runtimeDir: string): Promise<readonly string[]> {
  const names = await readdir(imagesIn(runtimeDir)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => {
    const owner = /^\d+-\d+(?=-\d+$)/.exec(name)?.[0];
    return owner === undefined || isOwnerAlive(owner) ? [] : [`${imagesIn(runtimeDir)}/${name}`];
  });
}

/** Ends them. */
export async function removeDeadImages(runtimeDir: string): Promise<void> {
  for (const root of await deadImages(runtimeDir)) await unmountAt(root);
}
