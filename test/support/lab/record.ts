import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProcessId } from './processes.ts';

export const LAB_FILESYSTEMS = ['btrfs', 'ext4', 'xfs', 'zfs'] as const;
export type LabFilesystem = (typeof LAB_FILESYSTEMS)[number];
/**
 * `top`: the data root is a directory at the top of what is mounted; `subvol`: it is what is mounted, on btrfs the subvolume
 * @docker. On ZFS the dataset POOL/docker is mounted either way.
 */
export type LabLayout = 'top' | 'subvol';

/** What lab.json says: enough to remove the lab after any crash of who started it. */
export interface LabRecord {
  readonly name: string;
  readonly filesystem: LabFilesystem;
  readonly layout: LabLayout;
  /** On ZFS the pool's guid, empty until there is one. */
  readonly fsUuid: string;
  readonly createdAt: string;
  readonly loop?: string;
  readonly pool?: LabPool;
  readonly dockerd?: ProcessId;
  readonly containerd?: ProcessId;
}

/** The guid is null until the pool is made. */
export interface LabPool {
  readonly name: string;
  readonly guid: string | null;
}

/** Where the parts of a lab lie. */
export interface LabPaths {
  readonly root: string;
  readonly record: string;
  readonly image: string;
  readonly mnt: string;
  readonly execRoot: string;
  readonly pidFile: string;
  readonly socket: string;
  readonly log: string;
  readonly config: string;
  readonly state: string;
  readonly dockerConfig: string;
}

/** What labs are made of that ask for nothing else: COWHERD_LAB_FS, or btrfs. */
export function labFilesystem(): LabFilesystem {
  return asFilesystem(process.env['COWHERD_LAB_FS'] ?? 'btrfs');
}

/** False where a plain directory cannot be captured, so that a volume has to be adopted first. */
export function capturesPlain(filesystem = labFilesystem()): boolean {
  return filesystem !== 'zfs';
}

/** Throws for a name that is none. */
export function asFilesystem(name: string): LabFilesystem {
  const found = LAB_FILESYSTEMS.find((one) => one === name);
  if (found === undefined) throw new Error(`${name} is none of ${LAB_FILESYSTEMS.join(', ')}`);
  return found;
}

/** The directory of all labs, made when it is not there, refused when it is not ours. */
export function labsDirectory(): string {
  const configured = process.env['COWHERD_LAB_DIR'];
  const path = configured ?? join(process.env['TMPDIR'] ?? tmpdir(), 'cowherd-lab');
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (statSync(path).uid !== process.getuid?.()) throw new Error(`${path} belongs to someone else`);
  return realpathSync(path);
}

/** The paths of the lab NAME; throws for a name that cannot be one. */
export function labPaths(name: string): LabPaths {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) throw new Error(`not a lab name: ${name}`);
  const root = join(labsDirectory(), name);
  const at = (file: string) => join(root, file);
  if (at('exec/containerd/containerd-debug.sock').length > 107) {
    throw new Error(`${root} is too long for the sockets in it: set COWHERD_LAB_DIR`);
  }
  return {
    root,
    record: at('lab.json'),
    image: at('disk.img'),
    mnt: at('mnt'),
    execRoot: at('exec'),
    pidFile: at('docker.pid'),
    socket: at('docker.sock'),
    log: at('dockerd.log'),
    config: at('cowherd.yaml'),
    state: at('state'),
    dockerConfig: at('docker-config'),
  };
}

/** Docker's data root in a lab. */
export function dataRootOf(paths: LabPaths, layout: LabLayout): string {
  return layout === 'subvol' ? paths.mnt : join(paths.mnt, 'docker');
}

/** Names of the labs there are, half-made ones too. */
export function labNames(): string[] {
  return readdirSync(labsDirectory(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** lab.json, or undefined when the start did not come so far. */
export function readRecord(paths: LabPaths): LabRecord | undefined {
  if (!existsSync(paths.record)) return undefined;
  return JSON.parse(readFileSync(paths.record, 'utf8')) as LabRecord;
}

/** Replaces lab.json in one step. */
export function writeRecord(paths: LabPaths, record: LabRecord): void {
  writeFileSync(`${paths.record}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${paths.record}.new`, paths.record);
}
