import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Archive } from '../../../src/storage/archive/read-index.ts';
import type { StoredStream } from '../../../src/storage/archive/summary.ts';

/** What somebody makes of an archive whose manifest they can write too. */
export interface Forgery {
  /** Python: `out` is the new archive, `add(name, …)` adds to it, `keep(but=…)` copies what was in the old one, OUTSIDE is the canary's path. */
  readonly members: string;
  /** Records that its index has besides. */
  readonly named?: readonly string[];
  /** What becomes of the records there are. */
  readonly index?: (record: string) => string;
}

/** An archive beside `genuine`, with sums and counts that fit. */
export function forge(
  genuine: Archive,
  name: string,
  { members, named = [], index = (record) => record, outside }: Forgery & { outside: string },
): Archive {
  const path = join(genuine.path, '..', name);
  mkdirSync(path, { mode: 0o700 });
  const tar = join(path, 'tar');
  const old = join(path, 'old');
  writeFileSync(old, unpacked(join(genuine.path, 'data.tar.zst')));
  execFileSync('python3', ['-c', PRELUDE + members + '\nout.close()', old, tar, outside]);
  const records = unpacked(join(genuine.path, 'index.zst')).toString('latin1').split('\0');
  const text = [...records.slice(0, -1).map(index), ...named].sort().map((one) => `${one}\0`);
  const indexBytes = Buffer.from(text.join(''), 'latin1');
  const count = Number(execFileSync('python3', ['-c', COUNT, tar]).toString());
  const { summary } = genuine;
  return {
    path,
    summary: {
      ...summary,
      ...stored(join(path, 'data.tar.zst'), readFileSync(tar)),
      ...{ streamBytes: statSync(tar).size, members: count },
      entries: summary.entries + named.length,
      index: { ...stored(join(path, 'index.zst'), indexBytes), streamBytes: indexBytes.length },
    },
  };
}

/** A record of an index. */
export function record(name: string, type: string, more: Partial<Fields> = {}): string {
  const { mode = '644', links = 1, inode = 900_000, size = 1, target = '' } = more;
  const depth = String(name.split('/').length).padStart(5, '0');
  const fields = [type, 0, mode, 0, 0, links, inode, size, '1.0000000000', '1.0000000000', 1];
  return `${depth} ${name}//${fields.join(' ')} ${target}`;
}

interface Fields {
  readonly mode: string;
  readonly links: number;
  readonly inode: number;
  readonly size: number;
  readonly target: string;
}

export function unpacked(path: string): Buffer {
  return execFileSync('zstd', ['-dcq', path], { maxBuffer: 1 << 30 });
}

function stored(path: string, bytes: Buffer): StoredStream {
  const packed = execFileSync('zstd', ['-q', '-c'], { input: bytes, maxBuffer: 1 << 30 });
  writeFileSync(path, packed, { mode: 0o600 });
  return {
    sha256: createHash('sha256').update(packed).digest('hex'),
    storedBytes: packed.length,
  };
}

const PRELUDE = String.raw`
import io, sys, tarfile
OLD, NEW, OUTSIDE = sys.argv[1:]
old = tarfile.open(OLD)
out = tarfile.open(NEW, 'w', format=tarfile.PAX_FORMAT)
def member(name, type=tarfile.REGTYPE, data=b'x', link='', mode=0o644, pax={}, uid=0, gid=0):
    m = tarfile.TarInfo(name); m.type = type; m.linkname = link; m.mode = mode; m.mtime = 1; m.pax_headers = pax; m.uid, m.gid = uid, gid
    m.size = len(data) if type in (tarfile.REGTYPE, tarfile.CONTTYPE) else 0
    return m, data
def add(*args, **more):
    m, data = member(*args, **more); out.addfile(m, io.BytesIO(data) if m.size else None); return m
def keep(but=(), change=lambda m: None):
    for m in old:
        if m.name in but: continue
        change(m); out.addfile(m, old.extractfile(m) if m.isreg() else None)
`;

const COUNT = 'import sys, tarfile; print(len(tarfile.open(sys.argv[1]).getmembers()))';
