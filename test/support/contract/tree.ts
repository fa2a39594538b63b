import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs';
import { join } from 'node:path';
import { must, run } from '../lab/run.ts';

const PAST = 1_000_000_000.123456;
/** Many blocks and clusters of any filesystem; each print reads and hashes them all, which an emulated processor does at some 10 MB/s. */
const SPARSE_BYTES = 5_000_000;

/** Fills an empty directory with one of everything that a volume may hold. */
export async function fillTree(
  root: string,
  word: string,
  { fifos }: { readonly fifos: boolean },
): Promise<void> {
  const at = (...names: string[]) => join(root, ...names);
  writeFileSync(at('word'), `${word}\n`);
  mkdirSync(at('sub/empty'), { recursive: true });
  writeFileSync(at('sub/big'), Buffer.alloc(300_000, word));
  writeFileSync(at('sub/sparse'), 'begin');
  truncateSync(at('sub/sparse'), SPARSE_BYTES);
  linkSync(at('sub/big'), at('hard'));
  symlinkSync('../nowhere', at('sub/link'));
  symlinkSync('/etc/passwd', at('absolute'));
  if (fifos) await must(['mkfifo', at('fifo')]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/n\n`), Buffer.from([0xff, 0x20, 0x5c])]), 'x');
  writeFileSync(at('suid'), '#!/bin/sh\n');
  chownSync(at('suid'), 1000, 1001);
  chmodSync(at('suid'), 0o4751);
  chmodSync(at('sub/empty'), 0o1773);
  await must(['setfattr', '-n', 'user.cowherd', '-v', word, at('word')]);
  for (const name of ['word', 'sub/link', 'sub/empty', 'sub'])
    lutimesSync(at(name), PAST, PAST + 0.5);
  chownSync(root, 1000, 1000);
  chmodSync(root, 0o2750);
}

/** Everything that can be told of a tree, a line each, sorted: equal trees have equal prints. */
export async function printOf(root: string): Promise<readonly string[]> {
  const attributes = await run(['getfattr', '-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'], {
    cwd: root,
  });
  const flags = await run(['lsattr', '-R', '-a', '.'], { cwd: root });
  const flagged = flags.stdout.split('\n').filter((line) => /^\S*[iaC]\S* /.test(line));
  const within = flagged.filter((line) => !line.endsWith('/..'));
  return [...walk(Buffer.from(root), ''), ...attributes.stdout.split('\n\n'), ...within].sort();
}

function walk(path: Buffer, name: string): readonly string[] {
  const stat = lstatSync(path, { bigint: true });
  const { mode, uid, gid, nlink, mtimeNs } = stat;
  const links = stat.isDirectory() ? '' : String(nlink);
  const line = [name, mode.toString(8), uid, gid, links, mtimeNs, contentOf(path, stat)].join(' ');
  if (!stat.isDirectory()) return [line];
  const children = readdirSync(path, { encoding: 'buffer' });
  return [
    line,
    ...children.flatMap((child) =>
      walk(Buffer.concat([path, Buffer.from('/'), child]), `${name}/${child.toString('latin1')}`),
    ),
  ];
}

function contentOf(path: Buffer, stat: BigIntStats): string {
  if (stat.isSymbolicLink()) return readlinkSync(path);
  if (!stat.isFile()) return '';
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
