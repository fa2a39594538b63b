import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import type { Disk } from './mounts.ts';
import type { LabPool } from './record.ts';
import { processesWithArgument } from './processes.ts';
import { must, run, until } from './run.ts';

/** A pool and the file that it lies on. */
export interface Pool extends Disk {
  readonly guid: string;
  readonly file: string;
}

/** What Docker and the odd trees of the tests need; never imported by a boot. */
const OPTIONS = [
  ...['-o', 'cachefile=none', '-O', 'mountpoint=none', '-O', 'canmount=off'],
  ...['-O', 'acltype=posixacl', '-O', 'xattr=sa'],
];

export interface PoolRequest {
  /** The sparse file to make. */
  readonly image: string;
  readonly sizeBytes: number;
  /** Where POOL/docker is mounted. */
  readonly mnt: string;
  /** Further arguments of `zpool create`. */
  readonly args?: readonly string[];
  /** Is told of the pool before it is made, and again with its guid. */
  readonly note?: (pool: LabPool) => void;
}

/** Makes a pool of a random name on a sparse file, with the dataset `docker`. */
export async function makePool(request: PoolRequest): Promise<Pool> {
  const { image, sizeBytes, mnt, args = [], note } = request;
  const name = `cowherd-${randomBytes(5).toString('hex')}`;
  note?.({ name, guid: null });
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  await must(['zpool', 'create', ...OPTIONS, ...args, name, image]);
  const guid = await must(['zpool', 'list', '-H', '-p', '-o', 'guid', name]);
  note?.({ name, guid });
  mkdirSync(mnt);
  await must(['zfs', 'create', '-o', `mountpoint=${mnt}`, `${name}/docker`]);
  return { device: name, guid, file: image };
}

/** All imported pools that lie on one file each. */
export async function pools(): Promise<Pool[]> {
  if (!existsSync('/dev/zfs')) return [];
  const said = await must(['zpool', 'list', '-H', '-v', '-P', '-p', '-o', 'name,guid']);
  const found: Pool[] = [];
  let pool: Pool | undefined;
  for (const line of said.split('\n')) {
    const [name = '', second = ''] = line.split('\t');
    if (name !== '') pool = { device: name, guid: second, file: '' };
    else if (pool !== undefined) found.push({ ...pool, file: second });
  }
  const count = (guid: string) => found.filter((one) => one.guid === guid).length;
  return found.filter(({ guid }) => count(guid) === 1);
}

/** Waits for what a killed {@link makePool} may have left running. */
export async function poolSettled({ image, mnt }: { image: string; mnt: string }): Promise<void> {
  const busy = () => [
    ...processesWithArgument('zpool', image),
    ...processesWithArgument('zfs', `mountpoint=${mnt}`),
  ];
  await until(`${image} is settled`, () => busy().length === 0);
}

/** Destroys a pool that is what it was when it was found, and of which nothing is mounted; returns when it is gone. */
export async function destroyPool({ device, guid, file }: Pool): Promise<void> {
  const held = async () => (await pools()).some((one) => one.guid === guid && one.file === file);
  let said = '';
  const gone = async (): Promise<boolean> => {
    if (!(await held())) return true;
    said = (await run(['zpool', 'destroy', '-f', device])).stderr.trim();
    return !(await held());
  };
  await until('', gone, { timeoutMs: 15_000, everyMs: 250 }).catch((cause: unknown) => {
    throw new Error(`pool ${device} cannot be destroyed: ${said}`, { cause });
  });
}
