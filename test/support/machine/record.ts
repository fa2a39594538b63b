import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess, isAlive, processId, type ProcessId } from '../lab/processes.ts';
import type { MachineImage } from './image.ts';

const PREFIX = 'cowherd-machine-';

/** What machine.json says: enough to end the machine after any crash of who started it. */
export interface MachineRecord {
  readonly port: number;
  readonly qemu?: ProcessId;
  /** Who ends the machine; without it, it stays until `down`. */
  readonly owner?: ProcessId;
}

/** Where the parts of a machine lie. */
export interface MachinePaths {
  readonly directory: string;
  readonly record: string;
  readonly system: string;
  readonly pool: string;
  readonly checkout: string;
  readonly log: string;
  readonly console: string;
  readonly key: string;
  readonly knownHosts: string;
  readonly control: string;
}

/** The paths of a machine in `directory`. */
export function machinePaths(directory: string): MachinePaths {
  const at = (name: string) => join(directory, name);
  return {
    directory,
    record: at('machine.json'),
    system: at('system.qcow2'),
    pool: at('pool.img'),
    checkout: at('checkout.img'),
    log: at('qemu.log'),
    console: at('console.log'),
    key: at('key'),
    knownHosts: at('known_hosts'),
    control: at('ssh'),
  };
}

/** The directory of the machine that `up` leaves running. */
export function standingPaths(): MachinePaths {
  return machinePaths(join(tmpdir(), `${PREFIX}up`));
}

/** A new directory, with the key and host key of the image. */
export function openDirectory(image: MachineImage, standing: boolean): MachinePaths {
  const paths = standing ? standingPaths() : machinePaths(mkdtempSync(join(tmpdir(), PREFIX)));
  if (standing) mkdirSync(paths.directory, { mode: 0o700 });
  const owner = standing ? undefined : processId(process.pid);
  writeRecord(paths, { port: 0, ...(owner ? { owner } : {}) });
  copyFileSync(image.key, paths.key);
  copyFileSync(image.knownHosts, paths.knownHosts);
  return paths;
}

/** machine.json, or undefined where there is none. */
export function readRecord(paths: MachinePaths): MachineRecord | undefined {
  const { directory } = paths;
  if (!existsSync(paths.record)) return undefined;
  if (statSync(directory).uid !== process.getuid?.())
    throw new Error(`${directory} is someone else's`);
  return JSON.parse(readFileSync(paths.record, 'utf8')) as MachineRecord;
}

/** Replaces machine.json in one step. */
export function writeRecord(paths: MachinePaths, record: MachineRecord): void {
  writeFileSync(`${paths.record}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${paths.record}.new`, paths.record);
}

/** Ends the machine's QEMU and removes its directory; nothing there is fine. */
export async function removeMachine(paths: MachinePaths): Promise<void> {
  const qemu = readRecord(paths)?.qemu;
  if (qemu) await endProcess(qemu, 5_000);
  rmSync(paths.directory, { recursive: true, force: true });
}

/** Removes what machines left whose owner was killed; their QEMU has died with it. */
export async function removeDeadMachines(): Promise<void> {
  for (const paths of ownDirectories()) {
    const owner = readRecord(paths)?.owner;
    if (owner && !isAlive(owner)) await removeMachine(paths);
  }
}

/** Removes the directories of machines that we own: for an end that leaves no time for more. */
export function removeOwn(): void {
  for (const paths of ownDirectories()) {
    if (readRecord(paths)?.owner?.pid !== process.pid) continue;
    rmSync(paths.directory, { recursive: true, force: true });
  }
}

function ownDirectories(): MachinePaths[] {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX));
  const isOwn = (path: string) =>
    statSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.();
  return names.map((name) => machinePaths(join(tmpdir(), name))).filter((p) => isOwn(p.directory));
}
