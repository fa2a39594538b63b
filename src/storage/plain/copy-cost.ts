import { stat, writeFile } from 'node:fs/promises';
import { readIfThere } from '../../exec/durable.ts';
import { run } from '../../exec/run.ts';
import { withSignal } from '../archive/listing.ts';
import type { Layout } from '../files/layout.ts';

/** Of cp(1) with shared data, on an ordinary disk; used until it was measured on this filesystem. */
const MS_PER_ENTRY = 0.05;
/** What was measured under load must not keep agents from being captured for ever. */
const FRESH_MS = 24 * 60 * 60_000;
/** Fewer tell about the start of a process, not about entries. */
const FEWEST = 2_000;
const COUNT_TIMEOUT_MS = 10 * 60_000;

function costIn({ store }: Layout): string {
  return `${store}/copy-cost`;
}

/** How long the names of a tree are likely to take to be copied, for each of them. */
export async function msPerEntry(layout: Layout, now: Date): Promise<number> {
  const text = await readIfThere(costIn(layout));
  const measured = Number(text);
  if (text === null || !(measured > 0)) return MS_PER_ENTRY;
  const { mtimeMs } = await stat(costIn(layout));
  return Math.abs(now.getTime() - mtimeMs) > FRESH_MS ? MS_PER_ENTRY : measured;
}

export interface Cost {
  readonly entries: number;
  readonly tookMs: number;
}

/** Remembers what a copy took, where it was large enough to tell. That it cannot be written is no matter. */
export async function noteCost(layout: Layout, { entries, tookMs }: Cost): Promise<void> {
  if (entries < FEWEST) return;
  await writeFile(costIn(layout), String(tookMs / entries), { mode: 0o600 }).catch(() => undefined);
}

/** Entries of a tree in use; none where they cannot be counted. */
export async function countEntries(tree: string, signal?: AbortSignal): Promise<number> {
  const options = withSignal({ timeoutMs: COUNT_TIMEOUT_MS, okExits: [1], cwd: tree }, signal);
  const found = run('find', ['.', '-xdev', '-printf', '.'], options);
  return found.then(
    ({ stdout }) => stdout.length,
    () => 0,
  );
}
