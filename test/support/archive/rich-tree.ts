import { must } from '../lab/run.ts';

/** Fills a directory with everything that an archive could lose. */
export async function makeRichTree(root: string): Promise<void> {
  await must(['python3', '-c', MAKE, root]);
}

const MAKE = String.raw`
import os, socket, stat, subprocess, sys
os.chdir(os.fsencode(sys.argv[1]))
def put(name, text=b'x', mode=0o644, owner=(1000, 1000)):
    with open(name, 'wb') as f: f.write(text)
    os.chown(name, *owner); os.chmod(name, mode)
for d in [b'dir', b'dir/sub', b'empty', b'closed', b'hard', b'acl', b'setgid', b'-dir', b'new\nline']: os.mkdir(d)
names = [b'line\nbreak', b'-rf', b'--checkpoint-action=exec=x', b' ', b'*', b'a\\b', b'"\'$(x)', b'bad-\xff\xfe',
  b'n' * 255, 'ümläut'.encode(), b'ends\n', b'\x01\x7f\t\r', b'\\012', b'.hidden', b'@LongLink', b'a -> b', b'a link to b',
  b'new\nline/\n', b'-dir/--', b'~', b'#', b'=', b'%s']
for name in names: put(name, name)
put(b'dir/setuid', b'u', 0o4751, (0, 0)); put(b'dir/setgid', b'g', 0o2755, (1000, 4321))
put(b'both', b'b', 0o6711, (1234, 99)); put(b'mode-0', b'0', 0); put(b'empty-file', b'')
put(b'odd-owner', b'o', 0o640, (4294967294, 123456))
os.chown(b'dir/sub', 1234, 4321); os.chmod(b'dir/sub', 0o1777)
os.chown(b'setgid', 5, 77); os.chmod(b'setgid', 0o2775); put(b'setgid/inherits', b'i', 0o600, (5, 6))
put(b'closed/inside', b'c'); os.chmod(b'closed', 0)
put(b'hard/one', b'linked' * 1000, 0o4755); os.link(b'hard/one', b'hard/two'); os.link(b'hard/one', b'zz-linked')
with open('sparse', 'wb') as f:
    f.truncate(20 * 1000 ** 3); f.seek(10 * 1000 ** 3); f.write(os.urandom(1 << 20)); f.seek(20 * 1000 ** 3 - 5); f.write(b'at it')
with open('sparse-empty', 'wb') as f: f.truncate(5 << 30)
put(b'data', os.urandom(3 << 20))
os.symlink('/etc/shadow', 'absolute'); os.symlink('../../../etc', 'outside'); os.symlink('nowhere', 'dangling')
os.symlink('dir', 'to-dir'); os.symlink(b'odd\n\xff -> x', 'odd-target'); os.symlink('t' * 1000, 'long-target')
os.symlink('dir/sub', 'linked-link'); os.link('linked-link', 'zz-linked-link', follow_symlinks=False)
os.symlink('/abs', 'linked-abs'); os.link('linked-abs', 'zz-linked-abs', follow_symlinks=False)
os.lchown('absolute', 7, 8)
os.mkfifo('fifo', 0o640); os.mknod('null', 0o666 | stat.S_IFCHR, os.makedev(1, 3)); os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(7, 0))
s = socket.socket(socket.AF_UNIX); s.bind('dir/socket'); s.close()
os.link('fifo', b'fifo-\xff')
for name, value in [('user.note', b'kept'), ('user.empty', b''), ('user.binary', bytes(range(256))), ('user.we\nird=x\\', b'y'), ('trusted.note', b't')]:
    os.setxattr('data', name, value); os.setxattr(b'dir/sub', name, value)
os.setxattr(b'bad-\xff\xfe', 'user.note', b'odd')
os.setxattr('absolute', 'trusted.note', b'of a link', follow_symlinks=False)
os.setxattr('.', 'user.root', b'r')
def acl(*args): subprocess.run(['setfacl', *args], check=True)
acl('-m', 'u:1234:rw,g:99:r,m::r', 'data'); acl('-m', 'u:4000000000:rwx', 'setgid/inherits')
put(b'acl/before', b'b'); acl('-d', '-m', 'u:1234:rwx,g:4321:rx', 'acl'); acl('-m', 'u:1234:rwx', 'acl')
put(b'acl/after', b'a'); put(b'acl/without', b'w'); acl('-b', 'acl/without'); os.mkdir('acl/inner')
acl('-m', 'u:77:x', 'both'); acl('-m', 'g:55:r', 'setgid')
os.setxattr('dir/setgid', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))
os.chown('.', 1000, 1001); os.chmod('.', 0o750)
here = os.getcwd()
for depth in range(16): os.mkdir('d' * 249); os.chdir('d' * 249)
put(b'deep', b'deep'); os.link('deep', 'deep-too'); os.chdir(here)
os.utime('absolute', ns=(1, 1_000_000_000_123_456_789), follow_symlinks=False)
for at, name in enumerate(['data', 'dir', 'hard/one', 'empty', 'acl', 'setgid', b'-rf']): os.utime(name, ns=(5, 1_500_000_000_987_654_321 + at))
os.utime('odd-owner', ns=(0, -1_500_000_000)); os.utime('mode-0', ns=(0, 0)); os.utime('.', ns=(1, 1_234_567_890_000_000_001))
subprocess.run(['chattr', '+i', 'data'], check=True)
`;

/** The lines that only one of two descriptions has; none when they are of the same. */
export function differences(actual: string, expected: string): readonly string[] {
  const [some, others] = [actual.split('\n'), expected.split('\n')];
  return [
    ...some.filter((line) => !others.includes(line)).map((line) => `only found: ${line}`),
    ...others.filter((line) => !some.includes(line)).map((line) => `missing: ${line}`),
  ];
}

/** Everything about a tree that is restored, with contents, by a program of its own; a line an entry. */
export function describeRestored(root: string): Promise<string> {
  return must(['python3', '-c', DESCRIBE, root]);
}

const DESCRIBE = String.raw`
import hashlib, os, stat, sys
os.chdir(os.fsencode(sys.argv[1]))
firsts, names = {}, {}
def parts(name, size):
    fd = os.open(name, os.O_RDONLY); at = 0; out = hashlib.sha256()
    while at < size:
        try: at = os.lseek(fd, at, os.SEEK_DATA)
        except OSError: break
        end = os.lseek(fd, at, os.SEEK_HOLE)
        while at < end:
            block = os.pread(fd, min(1 << 20, end - at), at)
            # Where a hole begins is the filesystem's matter: only what is not zero counts.
            for i in range(0, len(block), 4096):
                piece = block[i:i + 4096].rstrip(b'\0')
                if piece: out.update(b'%d ' % (at + i) + piece)
            at += len(block)
    os.close(fd); return out.hexdigest()
def entry(name):
    s = os.lstat(name)
    if not (stat.S_ISREG(s.st_mode) or stat.S_ISDIR(s.st_mode) or stat.S_ISLNK(s.st_mode)): return
    line = [name, oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns]
    if not stat.S_ISDIR(s.st_mode): line += [s.st_nlink, firsts.setdefault(s.st_ino, name)]
    kept = [n for n in os.listxattr(name, follow_symlinks=False) if n.startswith(('user.', 'system.posix_acl'))]
    line += [sorted((n, os.getxattr(name, n, follow_symlinks=False)) for n in kept)]
    if stat.S_ISLNK(s.st_mode): line += [os.readlink(name)]
    if stat.S_ISREG(s.st_mode): line += [s.st_size, parts(name, s.st_size)]
    print(line)
def walk(name):
    entry(name)
    if not stat.S_ISDIR(os.lstat(name).st_mode): return
    for one in sorted(os.listdir(name)): walk(name + b'/' + one)
walk(b'.')
`;
