import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AGENT_UID } from '../lab/image.ts';
import { until } from '../lab/run.ts';

/** A process that exchanges names of a volume with links to the outside, as fast as it can. */
export interface Racer {
  /** Ends it; how often it exchanged them. */
  stop(): Promise<number>;
}

/**
 * In a volume that holds `small.db`: a directory, a database and a log that are links to `outside` half of the time, by
 * renameat2(2) with RENAME_EXCHANGE, so that each name is always there.
 */
export async function startRacer(root: string, outside: string): Promise<Racer> {
  const child = spawn('python3', ['-c', RACE, outside, String(AGENT_UID)], { cwd: root });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close');
  await until('the race is on', () => {
    if (child.exitCode !== null) throw new Error(said);
    return said.includes('on');
  });
  return {
    stop: async () => {
      child.stdin.end();
      await ended;
      return Number(said.trim().split('\n').at(-1));
    },
  };
}

const RACE = String.raw`
import ctypes, os, select, shutil, sys
outside, owner = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
def exchange(a, b):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), 2) != 0: raise OSError(ctypes.get_errno(), a)
pairs = [('race/turn', outside), ('race/file.db', outside + '/host.db'), ('race/log.db-wal', outside + '/host.db-wal')]
def own(path): os.lchown(path, owner, owner)
def prepare():
    for name in ('race', 'race/turn'):
        if not os.path.lexists(name): os.mkdir(name); own(name)
    for at in ('race/turn/host.db', 'race/file.db', 'race/log.db'):
        for side in ('', '-wal'):
            if os.path.exists('small.db' + side) and not os.path.lexists(at + side): shutil.copy('small.db' + side, at + side); own(at + side)
    for name, target in pairs:
        if not os.path.lexists(name): open(name, 'w').close(); own(name)
        if not os.path.lexists(name + '.other'): os.symlink(target, name + '.other'); own(name + '.other')
prepare()
print('on', flush=True)
count = 0
while not select.select([0], [], [], 0)[0]:
    try:
        for name, _ in pairs: exchange(name, name + '.other')
    except OSError: # SQLite removes the log of a database that nobody has open
        prepare()
    count += 1
print(count)
`;
