import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { isAlive, type ProcessId } from '../lab/processes.ts';
import { must, run, until, type RunOptions, type RunResult } from '../lab/run.ts';
import { boot } from './boot.ts';
import { putCheckout } from './checkout.ts';
import { withImage } from './image.ts';
import {
  openDirectory,
  readRecord,
  removeDeadMachines,
  removeMachine,
  type MachinePaths,
} from './record.ts';
import { greets, remoteCommand, sshArgv, type RemoteOptions } from './ssh.ts';

/** Where the checkout is in a machine. */
export const CHECKOUT_INSIDE = '/srv/cowherd';

const BOOT_LIMIT_MS = 300_000;

export interface MachineOptions {
  /** It outlives us, in the directory of {@link standingPaths}; default false. */
  readonly standing?: boolean;
  readonly say?: (line: string) => void;
}

/** A running QEMU machine with OpenZFS, dockerd and the checkout; /dev/disk/by-id/virtio-pool is blank. */
export class Machine {
  readonly paths: MachinePaths;
  readonly #port: number;
  readonly #qemu: ProcessId;

  constructor(paths: MachinePaths, port: number, qemu: ProcessId) {
    this.paths = paths;
    this.#port = port;
    this.#qemu = qemu;
  }

  /** Runs argv in the machine's checkout as root; never throws for an exit status. */
  run(argv: readonly string[], options: RemoteOptions & RunOptions = {}): Promise<RunResult> {
    const { env, cwd = CHECKOUT_INSIDE, ...rest } = options;
    return run([...this.sshArgv(), remoteCommand(argv, { env, cwd })], rest);
  }

  /** The same on our own stdin, stdout and stderr; returns the exit status. */
  async show(argv: readonly string[], options: RemoteOptions = {}): Promise<number> {
    const terminal = process.stdin.isTTY && process.stdout.isTTY;
    const command = remoteCommand(argv, { cwd: CHECKOUT_INSIDE, ...options });
    const [file = '', ...args] = this.sshArgv(...(terminal ? ['-t'] : []));
    const child = spawn(file, [...args, command], { stdio: 'inherit' });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => {
        resolve(code ?? 255);
      });
    });
  }

  /** Argv of ssh into the machine; what follows it is the remote command. */
  sshArgv(...options: readonly string[]): string[] {
    const [ssh = '', ...rest] = sshArgv(this.paths, this.#port);
    return [ssh, ...options, ...rest];
  }

  /** Restarts it on the disks it has: in order, or with `power` as after a power cut (nothing is synced). */
  async reboot({ power = false }: { power?: boolean } = {}): Promise<void> {
    const before = await this.#bootId();
    const trigger = 'echo 1 >/proc/sys/kernel/sysrq; (sleep 0.3; echo b >/proc/sysrq-trigger) &';
    await this.run(power ? ['sh', '-c', trigger] : ['systemctl', 'reboot', '--no-block']);
    await this.#hangUp();
    await until(
      'the machine is up again',
      async () => ![before, ''].includes(await this.#bootId().catch(() => '')),
      { timeoutMs: BOOT_LIMIT_MS, everyMs: 500 },
    );
    await this.ready();
  }

  /** Waits until ssh answers and all of the machine's services have started. */
  async ready(): Promise<void> {
    await until('ssh answers in the machine', () => this.#answers(), {
      timeoutMs: BOOT_LIMIT_MS,
      everyMs: 200,
    });
    await must(this.sshArgv('-M', '-N', '-f'), { timeoutMs: 60_000 });
    const options = { cwd: '/', timeoutMs: BOOT_LIMIT_MS };
    const state = await this.run(['systemctl', 'is-system-running', '--wait'], options);
    if (state.stdout.trim() === 'running') return;
    const failed = await this.run(['systemctl', '--failed', '--plain', '--no-legend']);
    throw new Error(`the machine is ${state.stdout.trim()}: ${failed.stdout}${state.stderr}`);
  }

  /** Ends it and removes its disks. */
  async stop(): Promise<void> {
    await this.#hangUp();
    await removeMachine(this.paths);
  }

  async #answers(): Promise<boolean> {
    if (!isAlive(this.#qemu)) throw new Error('QEMU has ended');
    return greets(this.#port);
  }

  async #bootId(): Promise<string> {
    if (!(await this.#answers())) return '';
    const options = { cwd: '/', timeoutMs: 30_000 };
    return (await this.run(['cat', '/proc/sys/kernel/random/boot_id'], options)).stdout.trim();
  }

  async #hangUp(): Promise<void> {
    await run(this.sshArgv('-O', 'exit'));
    rmSync(this.paths.control, { force: true });
  }
}

/** Builds the image where needed, boots a machine on an overlay of it, and hands it over ready. */
export async function startMachine(options: MachineOptions = {}): Promise<Machine> {
  const { standing = false, say = () => undefined } = options;
  await removeDeadMachines();
  return withImage(say, async (image) => {
    const begin = performance.now();
    const paths = openDirectory(image, standing);
    try {
      await putCheckout(paths);
      const { port, qemu } = await boot(image, paths, standing);
      const machine = new Machine(paths, port, qemu);
      await machine.ready();
      say(`the machine is up after ${((performance.now() - begin) / 1000).toFixed(0)} s`);
      return machine;
    } catch (cause) {
      const said = lastWords(paths);
      await removeMachine(paths);
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`the machine does not start: ${reason}${said}`, { cause });
    }
  });
}

function lastWords(paths: MachinePaths): string {
  const files = [paths.log, paths.console].filter((path) => existsSync(path));
  const lines = files.flatMap((path) =>
    readFileSync(path, 'utf8').trimEnd().split('\n').slice(-10),
  );
  return lines.map((line) => `\n  ${line}`).join('');
}

/** The machine in `paths` when it runs. */
export function runningMachine(paths: MachinePaths): Machine | undefined {
  const record = readRecord(paths);
  if (!record?.qemu || !isAlive(record.qemu)) return undefined;
  return new Machine(paths, record.port, record.qemu);
}
