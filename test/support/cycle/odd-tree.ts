import {
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  closeSync,
  ftruncateSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

/** Fills a directory with everything that a copy could lose. Immutable files need `chattr -i` to go. */
export async function makeOddTree(lab: Pick<Lab, 'filesystem'>, root: string): Promise<void> {
  mkdirSync(join(root, 'dir/sub'), { recursive: true });
  writeFileSync(join(root, 'dir/setuid'), 'x', { mode: 0o4751 });
  await must(['chmod', '4751', join(root, 'dir/setuid')]);
  await must(['chmod', '1777', join(root, 'dir/sub')]);
  chownSync(join(root, 'dir/sub'), 1234, 4321);
  linkSync(join(root, 'dir/setuid'), join(root, 'hard-link'));
  oddNames(root);
  sparse(join(root, 'sparse'));
  await must(['python3', '-c', SPECIAL, root]);
  await flags(root);
  if (lab.filesystem === 'btrfs') await inPlace(root);
  symlinkSync('../../../etc/shadow', join(root, 'link'));
  symlinkSync('nowhere', join(root, 'dangling'));
  await attributes(root);
  lutimesSync(join(root, 'link'), 1_000_000_000.123, 1_000_000_000.123);
  utimesSync(join(root, 'hard-link'), 1_500_000_000.5, 1_500_000_000.25);
  utimesSync(join(root, 'dir/sub'), 999_999_999, 999_999_999);
}

function oddNames(root: string): void {
  for (const name of ['line\nbreak', '-rf', ' ', '*', 'ümläut', 'a\\b', '"\'$(x)', '.hidden'])
    writeFileSync(join(root, name), name);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff, 0xfe])]), 'bytes');
  mkdirSync(join(root, 'dir\nwith\nbreaks'));
  writeFileSync(join(root, 'dir\nwith\nbreaks/file'), 'x');
}

function sparse(path: string): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, 64 * 1024 * 1024);
  writeSync(fd, 'middle', 32 * 1024 * 1024);
  closeSync(fd);
}

const SPECIAL = `
import os, socket, stat, sys
os.chdir(sys.argv[1])
os.mkfifo('fifo', 0o640)
s = socket.socket(socket.AF_UNIX); s.bind('socket'); s.close()
os.mknod('null', 0o666 | stat.S_IFCHR, os.makedev(1, 3))
os.setxattr('fifo', 'trusted.fifo', b'f')
`;

/** Files that are not copied on write, which only btrfs has. */
async function inPlace(root: string): Promise<void> {
  mkdirSync(join(root, 'nocow-dir'));
  await must(['chattr', '+C', join(root, 'nocow-dir')]);
  writeFileSync(join(root, 'nocow-dir/file'), 'in place'.repeat(1000));
  writeFileSync(join(root, 'nocow'), '');
  await must(['chattr', '+C', join(root, 'nocow')]);
  writeFileSync(join(root, 'nocow'), 'in place'.repeat(1000));
}

async function flags(root: string): Promise<void> {
  mkdirSync(join(root, 'frozen-dir'));
  writeFileSync(join(root, 'frozen-dir/file'), 'for ever');
  await must(['chattr', '+i', join(root, 'frozen-dir/file'), join(root, 'frozen-dir')]);
  writeFileSync(join(root, 'append'), 'log');
  await must(['chattr', '+a', join(root, 'append')]);
}

async function attributes(root: string): Promise<void> {
  const file = join(root, 'dir/setuid');
  await must(['setfattr', '-n', 'user.note', '-v', 'kept', file]);
  await must(['setfattr', '-n', 'trusted.note', '-v', 'kept', join(root, 'dir')]);
  await must(['setfattr', '-h', '-n', 'trusted.note', '-v', 'kept', join(root, 'link')]);
  await must(['setfacl', '-m', 'u:1234:rw,g:99:r', join(root, ' ')]);
  await must(['setfacl', '-d', '-m', 'u:1234:rwx', join(root, 'dir/sub')]);
}

/** Lets everything in a tree be removed again. */
export async function unprotect(root: string): Promise<void> {
  await must(['chattr', '-R', '-f', '-i', '-a', root]).catch(() => undefined);
}

/** Everything about a tree that a copy must keep, contents too, by a program of its own. ZFS says late how many blocks a file has: there only holes count. Some filesystems have no flags. */
export function describeTree(lab: Pick<Lab, 'filesystem'>, root: string): Promise<string> {
  const blocks = lab.filesystem === 'zfs' ? 'holes' : 'blocks';
  return must(['python3', '-c', DESCRIBE, root, blocks]);
}

const DESCRIBE = `
import array, fcntl, hashlib, os, stat, sys
root = os.fsencode(sys.argv[1])
blocks = (lambda s: s.st_blocks * 1024 < s.st_size > 1 << 20) if sys.argv[2] == 'holes' else (lambda s: s.st_blocks)
inodes = {}
def flags(path):
    try: fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError: return None
    try:
        out = array.array('l', [0]); fcntl.ioctl(fd, 0x80086601, out, True); return out[0]
    except OSError: return None
    finally: os.close(fd)
def entry(path):
    s = os.lstat(path)
    kind = stat.S_IFMT(s.st_mode)
    first = inodes.setdefault(s.st_ino, path)
    line = [os.path.relpath(path, root), oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns, s.st_rdev]
    line += [s.st_nlink if kind != stat.S_IFDIR else 0, os.path.relpath(first, root)]
    line += [sorted((n, os.getxattr(path, n, follow_symlinks=False)) for n in os.listxattr(path, follow_symlinks=False))]
    if kind == stat.S_IFLNK: line += [os.readlink(path)]
    if kind in (stat.S_IFREG, stat.S_IFDIR): line += [flags(path)]
    if kind == stat.S_IFREG: line += [s.st_size, blocks(s), hashlib.sha256(open(path, 'rb').read()).hexdigest()]
    print(line)
entry(root)
for top, dirs, files in os.walk(root):
    dirs.sort()
    for name in sorted(dirs + files): entry(os.path.join(top, name))
`;
