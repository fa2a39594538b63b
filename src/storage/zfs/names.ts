import { posix } from 'node:path';
import { sha256 } from '../../model/digest.ts';
import { CowherdError } from '../../model/errors.ts';

/** Bytes of a full name, its end included (zfs-create(8), ZFS_MAX_DATASET_NAME_LEN). */
const MAX_NAME = 255;
const KEPT = 60;
const HASH_HEX = 16;

/** A volume's name as a component of a dataset's name, where fewer bytes are allowed than Docker does. */
export function componentOf(volume: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(volume) && volume.length <= KEPT + HASH_HEX)
    return volume;
  return `${volume.replace(/[^A-Za-z0-9_.-]+/g, '-').slice(0, KEPT)}:${sha256(volume).slice(0, HASH_HEX)}`;
}

type Which = 'old' | 'new';

/** Where a transaction keeps a dataset that is not in place: beside it, so that encrypted ones stay below their encryption root. */
export function asideName(dataset: string, transaction: string, which: Which): string {
  const name = `${posix.dirname(dataset)}/cowherd-${which}-${transaction}:${posix.basename(dataset)}`;
  if (name.length < MAX_NAME) return name;
  throw new CowherdError('TIER_UNSUPPORTED', `the name of ${dataset} is too long to be set aside`, {
    hint: 'zfs rename it to a shorter one',
  });
}

const ASIDE = /^cowherd-(?:old|new)-[A-Za-z0-9-]+:(.+)$/;

/** The name it has in place; null when the name is none of a dataset set aside. */
export function nameInPlace(aside: string): string | null {
  const base = ASIDE.exec(posix.basename(aside))?.[1];
  return base === undefined ? null : `${posix.dirname(aside)}/${base}`;
}

/** True when a dataset is set aside by this transaction. */
export function isAside(dataset: string, transaction: string, which: Which): boolean {
  return posix.basename(dataset).startsWith(`cowherd-${which}-${transaction}:`);
}

/** Names a capture's snapshots; no other tool's will be called so: `cowherd-20261122T110503Z-1a2b3c4d`. */
export function snapshotName(now: Date, random: string): string {
  const stamp = now.toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '');
  return `cowherd-${stamp}-${random}`;
}

/** The dataset of a snapshot's full name. */
export function datasetOf(snapshot: string): string {
  return snapshot.slice(0, snapshot.indexOf('@'));
}

/** The pool of a dataset's or snapshot's name. */
export function poolOf(name: string): string {
  return name.split(/[/@]/)[0] ?? name;
}
