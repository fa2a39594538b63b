import { join } from 'node:path';
import { AGENT_UID } from '../lab/image.ts';
import { must } from '../lab/run.ts';
import { leaveDatabases } from './databases.ts';

/** Number of files in the one crowded directory. */
export const CROWD = 50_000;

/**
 * Fills a volume with what a hostile agent could put there, databases included: links of every kind to `outside` (an absolute
 * path), special files, names of any bytes, depth and width. Everything a copy of the volume must be able to carry.
 */
export async function makeHostileTree(root: string, outside: string): Promise<void> {
  await must(['python3', '-c', TREE, root, outside, String(CROWD), String(AGENT_UID)]);
  await leaveDatabases(root, outside);
}

/** What only an image needs to carry: a path of 25,000 bytes with a database at its end, and a hole of 50 GB. */
export async function makeExtremes(root: string): Promise<void> {
  await must(['python3', '-c', EXTREMES, root, join(root, 'small.db'), String(AGENT_UID)]);
}

const TREE = String.raw`
import os, socket, stat, sys
root, outside, crowd, owner = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.chdir(root)
os.mkfifo('x.db'); os.mkfifo('pipe')
os.mknod('device.db', 0o666 | stat.S_IFCHR, os.makedev(1, 5))
os.mknod('block', 0o666 | stat.S_IFBLK, os.makedev(7, 4000))
for name in ('socket', 'socket.db'):
    s = socket.socket(socket.AF_UNIX); s.bind(name); s.close()
for name, mode in (('setuid', 0o4755), ('setgid', 0o2755), ('sticky', 0o1777)):
    open(name, 'w').close(); os.chmod(name, mode)
open('hard', 'w').write('x'); os.link('hard', 'hard again')
relative = os.path.relpath(outside, os.path.realpath(root))
def links(at, up):
    os.symlink(outside, at + '/directory'); os.symlink(up + relative, at + '/relative')
    os.symlink(outside + '/host.db', at + '/link.db'); os.symlink(up + relative + '/secret', at + '/secret')
    os.symlink('/', at + '/slash'); os.symlink('.', at + '/self'); os.symlink('/proc/self/root', at + '/proc')
links('.', '')
deep = '.'
for depth in range(1, 101):
    deep += '/d'; os.mkdir(deep); links(deep, '../' * depth)
names = [b'new\nline', b'\x1b[2J\x1b]0;owned\x07', b'-rf', b'--help', b'bad-\xff\xfe', 'rtl-\u202egnp.db'.encode(), '\u200f'.encode(),
         b'n' * 255, '\u00fc'.encode() * 127, b' ', b'*', b'\$(id)', b'.. ', b'...', b'a\rb', b'%2e%2e', b'c1-\xc2\x9b2J']
for name in names:
    open(b'f-' + name if len(name) < 250 else name, 'w').close()
    os.mkdir(b'd-' + name if len(name) < 250 else name[:-1] + b'd')
open(b'-rf', 'w').close(); open(b'--reference=x', 'w').close()
os.mkdir('crowd')
for n in range(crowd): os.close(os.open('crowd/%d' % n, os.O_CREAT | os.O_WRONLY))
for path, dirs, files in os.walk('.'):
    if path == './crowd': continue
    for name in dirs + files:
        if name not in ('setuid', 'setgid'): os.lchown(os.path.join(path, name), owner, owner)
`;

const EXTREMES = String.raw`
import os, sys
root, database, owner = sys.argv[1], open(sys.argv[2], 'rb').read(), int(sys.argv[3])
os.chdir(root)
hole = os.open('hole.db', os.O_CREAT | os.O_WRONLY, 0o644); os.write(hole, database[:100]); os.ftruncate(hole, 50 * 1000**3)
os.fchown(hole, owner, owner)
for _ in range(100): os.mkdir('d' * 255); os.chown('d' * 255, owner, owner); os.chdir('d' * 255)
deep = os.open('deep.db', os.O_CREAT | os.O_WRONLY, 0o644); os.write(deep, database); os.fchown(deep, owner, owner)
`;
