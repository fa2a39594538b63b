import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TransactionPhase } from '../../../src/model/transaction.ts';
import { sleep } from '../lab/run.ts';
import { storeOf, type OneDisk } from '../store.ts';

/** The phase of the one transaction that is under way on a disk, from its record; null when there is none. */
export function phaseOf(disk: OneDisk): TransactionPhase | null {
  const directory = join(storeOf(disk), 'transactions');
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const record = names.find((name) => name.endsWith('.json'));
  if (record === undefined) return null;
  try {
    const text = readFileSync(join(directory, record), 'utf8');
    return (JSON.parse(text) as { phase: TransactionPhase }).phase;
  } catch {
    return null; // it has ended between the look and the reading
  }
}

/** Returns when a transaction is in this phase: true; false when `over` says that it will not come to it. */
export async function reaches(
  disk: OneDisk,
  phase: TransactionPhase,
  over: () => boolean,
): Promise<boolean> {
  while (phaseOf(disk) !== phase) {
    if (over()) return false;
    await sleep(1);
  }
  return true;
}
