import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ROLES, volumeName } from './lab/agent.ts';
import type { Lab } from './lab/lab.ts';
import { asides, mountedSnapshots, unpublished } from './zfs/datasets.ts';

/** A lab's disk, or a second one beside it. */
export type OneDisk = Pick<Lab, 'filesystem' | 'device' | 'mnt' | 'fsUuid'>;

/** The store of a lab, from outside: where only a subvolume is mounted, and on ZFS, the private mount shows it. */
export function storeOf(lab: OneDisk): string {
  const mount = `/run/cowherd/fs/${lab.fsUuid}`;
  if (lab.filesystem === 'zfs') return mount;
  return join(existsSync(join(lab.mnt, '.cowherd')) ? lab.mnt : mount, '.cowherd');
}

/** What transactions left, by name; nothing but retired data and its records may stay after a run. */
export function storeEntries(
  lab: OneDisk,
): Record<'retired' | 'staged' | 'transactions', string[]> {
  const names = (place: string) => namesIn(join(storeOf(lab), place));
  return {
    retired: [...names('retired'), ...transactionsOf(lab, 'old')],
    staged: [...names('staged'), ...transactionsOf(lab, 'new')],
    transactions: [...names('transactions')],
  };
}

/** Transactions that have set datasets aside. */
function transactionsOf(lab: OneDisk, which: 'old' | 'new'): readonly string[] {
  return [...new Set(asides(lab, which).map(({ transaction }) => transaction))];
}

/** Fails when a run left a half restore point or a transient image. */
export function expectNoHalves(lab: Lab): void {
  const store = storeOf(lab);
  const halves = namesIn(join(store, 'snapshots')).filter((name) => name.startsWith('.'));
  assert.equal([...halves, ...unpublished(lab), ...mountedSnapshots(lab)], []);
  assert.equal(namesIn(join(store, 'transient')), []);
}

/** What dead runs have left in the store, and what transactions keep: paths relative to it. Retired data of rollbacks is none. */
export function leftovers(lab: OneDisk): readonly string[] {
  const store = storeOf(lab);
  const inside = (directory: string, wanted: (name: string) => boolean) =>
    namesIn(join(store, directory))
      .filter(wanted)
      .map((name) => join(directory, name));
  const records = new Set(inside('retired', (name) => name.endsWith('.json')));
  const isKept = (transaction: string) => records.has(`retired/${transaction}.json`);
  return [
    ...inside('transient', () => true),
    ...inside('snapshots', (name) => !/^[^.].*@\d{8}T\d{6}Z(-\d+)?$/.test(name)),
    ...inside('transactions', () => true),
    ...inside('staged', () => true),
    ...inside('retired', (name) => !name.endsWith('.json') && !isKept(name)),
    ...[...asides(lab, 'old'), ...asides(lab, 'new')]
      .filter(({ transaction }) => !isKept(transaction))
      .map(({ dataset }) => dataset),
    ...unpublished(lab),
    ...mountedSnapshots(lab),
  ];
}

/** What lies beside the data of an agent's volumes, but for retired data that its rollback keeps. */
export function beside(lab: Lab, agent: string): readonly string[] {
  const retired = namesIn(join(storeOf(lab), 'retired'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => `.cowherd-old-${name.slice(0, -'.json'.length)}`);
  return ROLES.flatMap((role) => {
    const directory = join(lab.dataRoot, 'volumes', volumeName(agent, role));
    const names = readdirSync(directory).filter((name) => name.startsWith('.cowherd-'));
    return names.filter((name) => !retired.some((kept) => name.startsWith(kept)));
  });
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
