import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { arch, homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/run.ts';
import { FileLock } from './lock.ts';
import { runOwned } from './owned.ts';

/** The checkout that this file lies in. */
export const CHECKOUT = join(import.meta.dirname, '../../..');

const BUILD = join(import.meta.dirname, 'build-image.sh');
const BUILD_LIMIT_MS = 20 * 60_000;

/** A machine's image; never written after it was built. */
export interface MachineImage {
  readonly root: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly key: string;
  readonly knownHosts: string;
}

/** Where images are kept: `cowherd-lab` in the user's cache. */
export function cacheDirectory(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? '';
  const directory = join(cache === '' ? join(homedir(), '.cache') : cache, 'cowherd-lab');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

/** The image's name, from all that it is made of; another one means that it has to be built anew. */
export async function imageName(): Promise<string> {
  const hash = createHash('sha256');
  const scripts = globSync('vagrant/provision/*.sh', { cwd: CHECKOUT }).sort();
  for (const script of [BUILD, ...scripts.map((path) => join(CHECKOUT, path))]) {
    hash.update(readFileSync(script)).update('\0');
  }
  hash.update(`${arch()} ${await kernelVersion()}`);
  return `zfs-${hash.digest('hex').slice(0, 16)}`;
}

/** Hands the image to `use`, built first where it is missing; it stays while `use` runs. */
export async function withImage<T>(
  say: (line: string) => void,
  use: (image: MachineImage) => Promise<T>,
): Promise<T> {
  const cache = cacheDirectory();
  const directory = join(cache, await imageName());
  const lock = new FileLock(join(cache, 'zfs.lock'));
  try {
    const waits = () => {
      say('waiting for another build or boot to end');
    };
    await lock.take('shared', waits);
    if (!existsSync(directory)) {
      await lock.take('exclusive', waits);
      if (!existsSync(directory)) await build(directory, say);
      await lock.take('shared');
    }
    return await use(imageIn(directory));
  } finally {
    lock.release();
  }
}

function imageIn(directory: string): MachineImage {
  return {
    root: join(directory, 'root.img'),
    kernel: join(directory, 'vmlinuz'),
    initrd: join(directory, 'initrd.img'),
    key: join(directory, 'key'),
    knownHosts: join(directory, 'known_hosts'),
  };
}

async function build(directory: string, say: (line: string) => void): Promise<void> {
  const cache = cacheDirectory();
  for (const name of readdirSync(cache).filter((entry) => /^zfs-.*\.building$/.test(entry))) {
    rmSync(join(cache, name), { recursive: true });
  }
  const building = `${directory}.building`;
  const log = `${building}/build.log`;
  say(`building the ZFS machine, about five minutes; see ${log}`);
  mkdirSync(building, { mode: 0o700 });
  const begin = performance.now();
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const result = await runOwned([...namespaces, BUILD, building], log, BUILD_LIMIT_MS);
  if (result !== 0) {
    const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
    rmSync(building, { recursive: true });
    throw new Error(`the ZFS machine cannot be built (${String(result)}):\n${last}`);
  }
  renameSync(building, directory);
  say(`built in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (/^zfs-[0-9a-f]{16}$/.test(name) && path !== directory) rmSync(path, { recursive: true });
  }
}

/** What apt would install; a host without apt or its lists has no say in the name. */
async function kernelVersion(): Promise<string> {
  const policy = await run(['apt-cache', 'policy', 'linux-image-cloud-amd64']).catch(
    () => undefined,
  );
  return /Candidate: (\S+)/.exec(policy?.stdout ?? '')?.[1] ?? 'unknown';
}
