import { once } from 'node:events';
import { chownSync, writeFileSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { requireLab } from '../support/lab/available.ts';
import { AGENT_UID } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

/** Names of databases, each with a word that is no harm. */
const NAMES = [
  Buffer.from('escape-\u001b[2J\u001b]0;owned\u0007.db'),
  Buffer.from('break-\ncowherd: all is well.db'),
  Buffer.from('return-\rx\u007f\u009b2J.db'),
  Buffer.from('bidi-\u202egnp\u200f.db'),
  Buffer.from('bytes-\xff\xfe.db', 'latin1'),
];
const WORDS = NAMES.map((name) => name.toString('latin1').split('-')[0] ?? '');
/** Control, format and bidirectional characters, line breaks apart. */
const RAW = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

let lab: Lab;

test.before(async () => {
  lab = await startLab();
  const alpha = await lab.startAgent({ name: 'alpha', capturable: true });
  for (const name of NAMES) {
    const path = Buffer.concat([Buffer.from(`${alpha.path('workspace')}/`), name]);
    writeFileSync(path, DAMAGED);
    chownSync(path, AGENT_UID, AGENT_UID);
  }
});

test.after(async () => {
  await lab.stop();
});

/** A header that says WAL, and noise behind it. */
const DAMAGED = Buffer.alloc(8192, 0xa5);
DAMAGED.write('SQLite format 3\0');
Buffer.from([0x10, 0x00, 2, 2, 0, 64, 32, 32]).copy(DAMAGED, 16);

/** Runs a command for people; gives its status and every byte that it wrote to either stream. */
async function said(args: readonly string[]): Promise<{ code: number | null; bytes: Buffer }> {
  const child = lab.spawnCowherd(args);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, bytes: Buffer.concat(chunks) };
}

for (const [args, status] of [
  [['snapshot', 'alpha'], 0],
  [['snapshot', 'alpha', '--verbose'], 0],
  [['snapshots', 'alpha'], 0],
  [['doctor', 'alpha'], 6],
  [['rollback', 'alpha', '--dry-run'], 0],
] as const) {
  test(`${args.join(' ')} writes nothing that a terminal obeys`, async () => {
    const { code, bytes } = await said(args);
    assert.is(code, status, bytes.toString());
    assert.ok(bytes.length > 0);
    assert.ok(isUtf8(bytes), bytes.toString('latin1'));
    assert.not.match(bytes.toString(), RAW);
    assert.not.match(bytes.toString(), /^cowherd: all is well/m);
  });
}

test('and every one of them is known as damaged', async () => {
  const { json } = await lab.cowherd<{
    snapshots: { sqlite: { path: string; cause?: string }[] }[];
  }>(['snapshot', 'alpha', '--json']);
  const damaged = json.snapshots
    .flatMap(({ sqlite }) => sqlite)
    .filter(({ cause }) => cause === 'damaged');
  const words = damaged.map(({ path }) => path.split('-')[0] ?? '');
  assert.equal(words.sort(), [...WORDS].sort());
  const { bytes } = await said(['doctor', 'alpha']);
  assert.ok(
    WORDS.some((word) => bytes.includes(`${word}-`)),
    'doctor names none of them',
  );
});

test.run();
