import {
  existsSync,
  mkdirSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detach, isWithin, loops, mountsOf, unmount } from '../lab/mounts.ts';
import {
  argumentsOf,
  endProcess,
  isAlive,
  processesWithEnvironment,
  processId,
  type ProcessId,
} from '../lab/processes.ts';
import { labNames } from '../lab/record.ts';
import { sleep } from '../lab/run.ts';
import { stopLab } from '../lab/stop.ts';

const PREFIX = 'cowherd-test-';

/** A directory in which all temporary things of one run lie, so that what is left of it is known. */
export function openRunDirectory(): string {
  const parent = realpathSync(tmpdir());
  const directory = mkdtempSync(join(parent, PREFIX));
  chmodSync(directory, 0o711); // a test's agent user must be able to pass
  writeFileSync(join(directory, 'run.json'), JSON.stringify(processId(process.pid)));
  return directory;
}

/** The environment of everything that a run starts. */
export function runEnvironment(directory: string): Record<string, string> {
  const labs = join(directory, 'cowherd-lab');
  return { TMPDIR: directory, COWHERD_LAB_DIR: labs, COWHERD_TEST_RUN: directory };
}

/** Removes what tests left behind and says what it was. */
export async function removeLeftovers(directory: string): Promise<string[]> {
  return [
    ...(await removeLabs(directory)),
    ...(await endProcesses(directory)),
    ...(await removeMounts(directory)),
  ];
}

/** Removes what runs left behind that were killed before they could do it. */
export async function removeDeadRuns(): Promise<void> {
  const parent = realpathSync(tmpdir());
  for (const name of readdirSync(parent)) {
    const directory = join(parent, name);
    if (!name.startsWith(PREFIX) || !isDead(directory)) continue;
    await removeLeftovers(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

function isDead(directory: string): boolean {
  const file = join(directory, 'run.json');
  if (!existsSync(file)) return false;
  return !isAlive(JSON.parse(readFileSync(file, 'utf8')) as ProcessId);
}

async function removeLabs(directory: string): Promise<string[]> {
  const labs = runEnvironment(directory)['COWHERD_LAB_DIR'] ?? '';
  if (!existsSync(labs)) return [];
  const before = process.env['COWHERD_LAB_DIR'];
  process.env['COWHERD_LAB_DIR'] = labs;
  try {
    const names = labNames();
    for (const name of names) await stopLab(name);
    return names.map((name) => `lab ${name} was left running`);
  } finally {
    if (before === undefined) delete process.env['COWHERD_LAB_DIR'];
    else process.env['COWHERD_LAB_DIR'] = before;
  }
}

async function endProcesses(directory: string): Promise<string[]> {
  const find = () => processesWithEnvironment(`COWHERD_TEST_RUN=${directory}`);
  for (let wait = 0; find().length > 0 && wait < 30; wait++) await sleep(100);
  const left = find();
  const said = left.map(
    ({ pid }) => `process ${String(pid)} was left: ${argumentsOf(pid).join(' ')}`,
  );
  for (const id of left) await endProcess(id);
  return said;
}

async function removeMounts(directory: string): Promise<string[]> {
  const own = loops().filter(({ file }) => isWithin(file, directory));
  const mounts = mountsOf(directory, own);
  for (const { target } of mounts) await unmount(target);
  for (const loop of own) await detach(loop);
  return [
    ...mounts.map(({ target }) => `${target} was left mounted`),
    ...own.map(({ device, file }) => `${device} was left attached to ${file}`),
  ];
}

/** Removes the run's directory; refuses while something is mounted in it. */
export function closeRunDirectory(directory: string): void {
  if (mountsOf(directory, []).length > 0) throw new Error(`still mounted in ${directory}`);
  mkdirSync(directory, { recursive: true });
  rmSync(directory, { recursive: true, force: true });
}
