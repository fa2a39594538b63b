import { rm, rmdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { isOwnerAlive } from '../../exec/liveness.ts';
import { systemCode } from '../../model/errors.ts';
import type { DamagedRecord, TransactionRecord } from '../../model/transaction.ts';
import { PARTIAL, readIfThere, syncDirectory, writeDurably } from '../../exec/durable.ts';
import { parseRecord } from '../record-schema.ts';
import { namesIn, type Layout } from './layout.ts';

const SUFFIX = '.json';
const HALF_WRITTEN = /^((\d+-\d+)-.+\.json)\.partial$/;

/** The records of transactions under way; a damaged one is among {@link damagedRecords}. */
export async function listRecords(layout: Layout): Promise<readonly TransactionRecord[]> {
  return readable(await readAll(layout.transactions));
}

/** The records of committed rollbacks whose retired data is still kept. */
export async function listRetired(layout: Layout): Promise<readonly TransactionRecord[]> {
  return readable(await readAll(layout.retired));
}

/** The records that cannot be read. */
export async function damagedRecords({
  transactions,
  retired,
}: Layout): Promise<readonly DamagedRecord[]> {
  const all = [...(await readAll(transactions)), ...(await readAll(retired))];
  return all.flatMap(({ path, text, record }) =>
    record === null
      ? [{ path, underWay: path.startsWith(`${transactions}/`), agent: agentIn(text) }]
      : [],
  );
}

interface Read {
  readonly path: string;
  readonly text: string;
  readonly record: TransactionRecord | null;
}

async function readAll(directory: string): Promise<readonly Read[]> {
  const names = (await namesIn(directory)).filter((name) => name.endsWith(SUFFIX));
  const read = await Promise.all(names.map(async (name) => readOne(`${directory}/${name}`)));
  return read.filter((one) => one !== null);
}

async function readOne(path: string): Promise<Read | null> {
  try {
    const text = await readIfThere(path);
    if (text === null) return null;
    const record = parseRecord(text);
    return { path, text, record: record?.id === basename(path, SUFFIX) ? record : null };
  } catch (error) {
    if (!['EIO', 'EISDIR', 'EUCLEAN'].includes(systemCode(error) ?? '')) throw error;
    return { path, text: '', record: null };
  }
}

function readable(read: readonly Read[]): readonly TransactionRecord[] {
  return read.flatMap(({ record }) => (record === null ? [] : [record]));
}

/** Its line may be whole in a record that was cut off further down. */
function agentIn(text: string): string | null {
  return /^ "agent": "([A-Za-z0-9_.%~-]+)",$/m.exec(text)?.[1] ?? null;
}

/** Writes or replaces a record, durably. */
export async function saveRecord(layout: Layout, record: TransactionRecord): Promise<void> {
  await write(layout.transactions, record);
}

async function write(directory: string, record: TransactionRecord): Promise<void> {
  await writeDurably(`${directory}/${record.id}${SUFFIX}`, `${JSON.stringify(record, null, 1)}\n`);
}

/** Forgets a transaction that has ended, with the empty directories it kept its trees in. */
export async function dropRecord(layout: Layout, id: string): Promise<void> {
  await removeEmpty(`${layout.staged}/${id}`);
  await removeEmpty(`${layout.retired}/${id}`);
  await removeRecord(layout, id);
}

/** With what a save that was cut short has left of it. */
async function removeRecord({ transactions }: Layout, id: string): Promise<void> {
  await rm(`${transactions}/${id}${SUFFIX}${PARTIAL}`, { force: true });
  await rm(`${transactions}/${id}${SUFFIX}`, { force: true });
  await syncDirectory(transactions);
}

/** Remembers, besides the record under way, that something of the transaction stays set aside when it has ended. */
export async function markRetired(layout: Layout, record: TransactionRecord): Promise<void> {
  await write(layout.retired, record);
}

/** Keeps a committed record where the data it retired is, on every filesystem that has some. */
export async function keepRecord(layout: Layout, record: TransactionRecord): Promise<void> {
  await removeEmpty(`${layout.staged}/${record.id}`);
  await removeEmpty(`${layout.retired}/${record.id}`);
  await write(layout.retired, record);
  await removeRecord(layout, record.id);
}

/** Records that were never written whole, of dead processes: nothing had begun. Host paths. */
export async function deadRecords({ transactions }: Layout): Promise<readonly string[]> {
  const names = new Set(await namesIn(transactions));
  return [...names].flatMap((name) => {
    const [, whole, owner] = HALF_WRITTEN.exec(name) ?? [];
    const dead = owner !== undefined && !isOwnerAlive(owner);
    return dead && !names.has(whole ?? '') ? [`${transactions}/${name}`] : [];
  });
}

async function removeEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error;
  });
}

/** Forgets the record of retired data that is gone. */
export async function dropRetired(layout: Layout, id: string): Promise<void> {
  await removeEmpty(`${layout.retired}/${id}`);
  await rm(`${layout.retired}/${id}${SUFFIX}`, { force: true });
}
