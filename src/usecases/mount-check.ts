import { readFile, readdir, readlink } from 'node:fs/promises';
import { systemCode } from '../model/errors.ts';
import { isWithin } from '../model/agent.ts';
import { parseMountinfo, type Mount } from '../model/mountinfo.ts';

type Moved = (mount: Mount) => boolean;

/** True when some process still has a tree mounted that was moved away, as `moved` tells (proc_pid_mountinfo(5)). */
export async function movedTreeMounted(moved: Moved): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const mounted = await Promise.all(pids.map(async (pid) => mountsMovedTree(Number(pid), moved)));
  return mounted.includes(true);
}

/** The same for one process. */
export async function mountsMovedTree(pid: number, moved: Moved): Promise<boolean> {
  try {
    return parseMountinfo(await readFile(`/proc/${String(pid)}/mountinfo`, 'utf8')).some(moved);
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ESRCH'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** Processes of this host, outside containers, that have a directory or something in it open or as working directory. Pids. */
export async function processesUsing(directory: string): Promise<readonly number[]> {
  const own = await readlink('/proc/self/ns/mnt');
  const pids = (await readdir('/proc')).filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  );
  const using = await Promise.all(
    pids.map(
      async (pid) => (await linkOf(`/proc/${pid}/ns/mnt`)) === own && (await uses(pid, directory)),
    ),
  );
  return pids.filter((_, index) => using[index]).map(Number);
}

async function uses(pid: string, directory: string): Promise<boolean> {
  const base = `/proc/${pid}`;
  const fds = await readdir(`${base}/fd`).catch(() => []);
  const targets = await Promise.all(
    [`${base}/cwd`, ...fds.map((fd) => `${base}/fd/${fd}`)].map(linkOf),
  );
  return targets.some((target) => isWithin(target, directory));
}

/** What a link of /proc says; empty when the process is gone. */
async function linkOf(path: string): Promise<string> {
  return readlink(path).catch(() => '');
}
