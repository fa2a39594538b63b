import { rename, rm, rmdir } from 'node:fs/promises';
import { CowherdError, systemCode } from '../../model/errors.ts';
import type { TransactionRecord } from '../../model/transaction.ts';
import { readIfThere, syncDirectory, writeDurably } from '../durable.ts';
import { parseRecord } from '../record-schema.ts';
import { namesIn, type Layout } from './layout.ts';

const SUFFIX = '.json';

/** The records of transactions under way. Throws IO_ERROR naming one that cannot be read. */
export async function listRecords(layout: Layout): Promise<readonly TransactionRecord[]> {
  return readAll(layout.transactions);
}

/** The records of committed rollbacks whose retired data is still kept. */
export async function listRetired(layout: Layout): Promise<readonly TransactionRecord[]> {
  return readAll(layout.retired);
}

async function readAll(directory: string): Promise<readonly TransactionRecord[]> {
  const names = (await namesIn(directory)).filter((name) => name.endsWith(SUFFIX));
  const records: TransactionRecord[] = [];
  for (const name of names) {
    const text = await readIfThere(`${directory}/${name}`);
    if (text === null) continue;
    const record = parseRecord(text);
    if (record === null) throw damaged(`${directory}/${name}`);
    records.push(record);
  }
  return records;
}

function damaged(path: string): CowherdError {
  return new CowherdError('IO_ERROR', `the record of a transaction is damaged: ${path}`, {
    hint: 'nothing was touched; look at what it says and at the _data of the volumes it names, then move it away',
  });
}

/** Writes or replaces a record, durably. */
export async function saveRecord(layout: Layout, record: TransactionRecord): Promise<void> {
  await writeDurably(
    `${layout.transactions}/${record.id}${SUFFIX}`,
    `${JSON.stringify(record, null, 1)}\n`,
  );
}

/** Forgets a transaction that has ended, with the empty directories it kept its trees in. */
export async function dropRecord(layout: Layout, id: string): Promise<void> {
  await removeEmpty(`${layout.staged}/${id}`);
  await removeEmpty(`${layout.retired}/${id}`);
  await rm(`${layout.transactions}/${id}${SUFFIX}`, { force: true });
  await syncDirectory(layout.transactions);
}

/** Moves a committed record to where the data it retired is. */
export async function keepRecord(layout: Layout, record: TransactionRecord): Promise<void> {
  await removeEmpty(`${layout.staged}/${record.id}`);
  await removeEmpty(`${layout.retired}/${record.id}`);
  await rename(
    `${layout.transactions}/${record.id}${SUFFIX}`,
    `${layout.retired}/${record.id}${SUFFIX}`,
  );
  await syncDirectory(layout.retired);
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
