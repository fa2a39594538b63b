import { createReadStream } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { split } from '../../exec/records.ts';
import { exists, readIfThere, writeDurably } from '../../exec/durable.ts';
import { parseEntry, type IndexEntry } from '../archive/index-entry.ts';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

function listingOf(place: string): string {
  return `${place}/listing`;
}

function sinceIn(place: string): string {
  return `${place}/since`;
}

/** Holds the boot in which the copy was changed; gone when all of it was written out. */
function unwrittenIn(place: string): string {
  return `${place}/unwritten`;
}

/** What a pass wrote down of the volume. */
export interface StagedListing {
  /** Seconds of the clock before all that was dirty then was written out. */
  readonly since: number;
  readonly entries: AsyncGenerator<IndexEntry, void>;
}

/** What the last pass wrote down; nothing where there was none, or where the machine went down before the copy was on the disk. */
export async function readListing(place: string): Promise<StagedListing> {
  const since = Number((await readIfThere(sinceIn(place))) ?? 0);
  const isWhole = await isOfThisBoot(place);
  return {
    since: Number.isFinite(since) ? since : 0,
    entries: isWhole ? entriesIn(listingOf(place)) : none(),
  };
}

async function* none(): AsyncGenerator<IndexEntry, void> {
  // There is nothing that can be relied on.
}

async function* entriesIn(path: string): AsyncGenerator<IndexEntry, void> {
  if (!(await exists(path))) return;
  for await (const record of split(createReadStream(path))) {
    const entry = parseEntry(record);
    if (entry !== null) yield entry;
  }
}

/**
 * A new listing takes the place of the last. Nothing of it is waited for to be on the disk: that is what the mark is for (`markUnwritten`). The time comes
 * later: an older one only makes more be copied again.
 */
export async function replaceListing(place: string, next: string, since: number): Promise<void> {
  await rename(next, listingOf(place));
  await writeFile(sinceIn(place), String(since), { mode: 0o600 });
}

/** Nothing of the copy is relied on any more. */
export async function forgetListing(place: string): Promise<void> {
  await rm(listingOf(place), { force: true });
}

/** Before the copy is changed: a power cut would leave files that have their size and times, and not what was in them. */
export async function markUnwritten(place: string): Promise<void> {
  const boot = await readFile(BOOT_ID, 'utf8');
  if ((await readIfThere(unwrittenIn(place))) !== boot)
    await writeDurably(unwrittenIn(place), boot);
}

/** All of the copy is on the disk (sync(1)). */
export async function markWritten(place: string): Promise<void> {
  await rm(unwrittenIn(place), { force: true });
}

async function isOfThisBoot(place: string): Promise<boolean> {
  const boot = await readIfThere(unwrittenIn(place));
  return boot === null || boot === (await readFile(BOOT_ID, 'utf8'));
}
