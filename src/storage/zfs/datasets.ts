import { lstat } from 'node:fs/promises';
import { run } from '../../exec/run.ts';
import type { Mount } from '../../model/mountinfo.ts';
import { readMounts } from '../mounts.ts';
import { DATASET_COLUMNS, parseDatasets, parseProperties, rowsOf } from './parse.ts';
import type { Property, ZfsDataset } from './parse.ts';
import { NOT_THERE, says, zfs } from './tool.ts';

/** Those of these filesystems that exist; names that do not are left out. */
export async function datasetsNamed(names: readonly string[]): Promise<readonly ZfsDataset[]> {
  if (names.length === 0) return [];
  return listFilesystems(['--', ...names]);
}

/** A filesystem's own children, itself included; none when it does not exist. */
export async function childrenOf(parent: string): Promise<readonly ZfsDataset[]> {
  return listFilesystems(['-d', '1', '--', parent]);
}

/** Names of what lies below a filesystem: volumes (zvols) too. */
export async function namesBelow(dataset: string): Promise<readonly string[]> {
  const argv = ['list', '-H', '-t', 'filesystem,volume', '-o', 'name', '-d', '1', '--', dataset];
  const names = rowsOf(await zfs(argv)).map(([name = '']) => name);
  return names.filter((name) => name !== dataset);
}

/** Every filesystem of a pool: on a host whose Docker keeps its layers in ZFS thousands, asked only where nothing less tells. */
export async function datasetsIn(pool: string): Promise<readonly ZfsDataset[]> {
  return listFilesystems(['-r', '--', pool]);
}

async function listFilesystems(args: readonly string[]): Promise<readonly ZfsDataset[]> {
  const argv = ['list', '-Hp', '-t', 'filesystem', '-o', DATASET_COLUMNS, ...args];
  return parseDatasets(await zfs(argv, { missingOk: true }));
}

/** A filesystem by its guid: first among the children of `parent`, then in the whole pool. Null when there is none. */
export async function datasetByGuid(guid: string, parent: string): Promise<ZfsDataset | null> {
  const pool = parent.split('/')[0] ?? parent;
  const near = (await childrenOf(parent)).find((one) => one.guid === guid);
  return near ?? (await datasetsIn(pool)).find((one) => one.guid === guid) ?? null;
}

/** Snapshots by guid of what is asked for: `zfs list` arguments after the columns. */
export async function snapshotGuids(args: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const argv = ['list', '-Hp', '-t', 'snapshot', '-o', 'name,guid', ...args];
  const rows = rowsOf(await zfs(argv, { missingOk: true }));
  return new Map(rows.flatMap(([name, guid]) => (name && guid ? [[guid, name]] : [])));
}

/** Names of a dataset's own snapshots and bookmarks, those of other tools included; none when it is gone. */
export async function snapshotsOf(dataset: string): Promise<readonly string[]> {
  const argv = ['list', '-H', '-t', 'snapshot,bookmark', '-o', 'name', '-d', '1', '--', dataset];
  return rowsOf(await zfs(argv, { missingOk: true })).map(([name = '']) => name);
}

/** Properties set on a dataset itself, with the values of user properties whole. */
export async function ownProperties(dataset: string): Promise<readonly Property[]> {
  const sources = ['-s', 'local,received'];
  const asked = (columns: string) => zfs(['get', '-Hp', ...sources, '-o', columns, 'all', dataset]);
  const [listed, names] = await Promise.all([asked('property,value,source'), asked('property')]);
  const properties = parseProperties(listed);
  const odd = rowsOf(names).flatMap(([name = '']) =>
    properties.filter((property) => property.name === name).length === 1 ? [] : [name],
  );
  const whole = odd.map(async (name) => {
    const value = (await zfs(['get', '-Hp', '-o', 'value', name, dataset])).replace(/\n$/, '');
    return { name, value, source: 'local' };
  });
  return [...properties.filter(({ name }) => !odd.includes(name)), ...(await Promise.all(whole))];
}

/** One property's value, or null when it is not set or the dataset is gone. */
export async function propertyOf(dataset: string, name: string): Promise<string | null> {
  const text = await zfs(['get', '-Hp', '-o', 'value', name, dataset], { missingOk: true });
  const value = text.replace(/\n$/, '');
  return value === '' || value === '-' ? null : value;
}

/** The same of some properties of several at once, by full name; what is gone is missing, and so is what is not set. */
export async function propertiesOf(
  names: readonly string[],
  properties: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const found = new Map<string, Map<string, string>>();
  if (names.length === 0) return found;
  const argv = ['get', '-Hp', '-o', 'name,property,value', properties.join(','), ...names];
  for (const [name = '', property = '', value = ''] of rowsOf(
    await zfs(argv, { missingOk: true }),
  )) {
    const values = found.get(name) ?? new Map<string, string>();
    found.set(name, values);
    if (value !== '' && value !== '-') values.set(property, value);
  }
  return found;
}

/** Guids by full name of filesystems and snapshots; what is gone is missing. */
export async function guidsOf(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = await propertiesOf(names, ['guid']);
  return new Map(Array.from(found, ([name, values]) => [name, values.get('guid') ?? '']));
}

/** Destroys one dataset or snapshot, never what depends on it. Gone already is success. */
export async function destroy(name: string, ...options: readonly string[]): Promise<void> {
  try {
    await zfs(['destroy', ...options, '--', name]);
  } catch (error) {
    if (!says(error, NOT_THERE)) throw error;
  }
}

/** Everything mounted from these datasets or snapshots in our mount namespace, the last first. */
export async function mountsFrom(sources: readonly string[]): Promise<readonly Mount[]> {
  const mounts = (await readMounts()).filter(
    ({ fstype, source }) => fstype === 'zfs' && sources.includes(source),
  );
  return mounts.toReversed();
}

/** What is mounted exactly there and can be seen, or null. */
export async function mountedAt(path: string): Promise<Mount | null> {
  const mount = (await readMounts()).findLast(({ mountPoint }) => mountPoint === path) ?? null;
  return mount !== null && (await isVisible(mount)) ? mount : null;
}

/** False for a mount that a later one hides: what is found at its path is on another device. */
export async function isVisible({ mountPoint, device }: Mount): Promise<boolean> {
  const { dev } = await lstat(mountPoint, { bigint: true }).catch(() => ({ dev: null }));
  if (dev === null) return false;
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return device === `${String(major)}:${String(minor)}`;
}

/** Mounts read from a dataset of ours: for us alone, nothing in it trusted. `-i`: without the helper, which knows no `nosymfollow`. */
export async function mountPrivately(
  source: string,
  target: string,
  options: readonly ('ro' | 'rw')[] = ['rw'],
): Promise<void> {
  const flags = [...options, 'nosuid', 'nodev', 'noexec', 'noatime', 'nosymfollow'].join(',');
  await run('mount', ['-i', '-t', 'zfs', '-o', flags, '--make-private', source, target]);
}
