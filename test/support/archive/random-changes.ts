import { must } from '../lab/run.ts';

/** Changes a tree at random, but the same for the same seed: nothing outside of it is touched, whatever its links say. */
export async function changeAtRandom(root: string, seed: string, changes: number): Promise<void> {
  await must(['python3', '-c', CHANGE, root, seed, String(changes)]);
}

const CHANGE = String.raw`
import os, random, shutil, subprocess, sys
os.chdir(sys.argv[1]); r = random.Random(sys.argv[2])
def entries():
    return [os.path.join(top, x) for top, ds, fs in os.walk(b'.') for x in sorted(ds + fs)]
def is_dir(e): return os.path.isdir(e) and not os.path.islink(e)
def new_name():
    inside = r.choice([b'.'] + [e for e in entries() if is_dir(e)])
    return os.path.join(inside, bytes(r.choice(b'ab-! \n\xff\\0') for _ in range(r.randint(1, 3))))
def write(e, p):
    fd = os.open(p, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    os.write(fd, r.randbytes(r.randint(0, 3000))); os.close(fd)
def remove(e, p): shutil.rmtree(e) if is_dir(e) else os.unlink(e)
def acl(e, p):
    how = r.choice([['-m', 'u:7:rwx'], ['-d', '-m', 'u:9:rx'], ['-m', 'g:5:w,m::r'], ['-b']])
    if not os.path.islink(e): subprocess.run(['setfacl', *how, '--', e], stderr=subprocess.DEVNULL)
names = ['user.a', 'user.b', 'system.posix_acl_access', 'system.posix_acl_default']
changes = [write, write, write, remove, acl,
    lambda e, p: os.mkdir(p),
    lambda e, p: os.symlink(r.choice([b'/etc', b'../x', b'a', b'b\n']), p),
    lambda e, p: os.link(e, p, follow_symlinks=False),
    lambda e, p: os.rename(e, p),
    lambda e, p: os.mkfifo(p),
    lambda e, p: os.path.islink(e) or os.chmod(e, r.choice([0o644, 0o4755, 0o2755, 0o1777, 0, 0o6711])),
    lambda e, p: os.lchown(e, r.randint(0, 3), r.choice([0, 5, 77777])),
    lambda e, p: os.setxattr(e, r.choice(names[:2]), r.randbytes(r.randint(0, 9)), follow_symlinks=False),
    lambda e, p: os.removexattr(e, r.choice(names), follow_symlinks=False),
    lambda e, p: os.utime(e, ns=(1, r.randint(0, 2**60)), follow_symlinks=False)]
for _ in range(int(sys.argv[3])):
    try: r.choice(changes)(r.choice(entries() or [b'none']), new_name())
    except (OSError, shutil.Error): pass
`;
