import { parseArgs } from 'node:util';
import { must } from '../lab/run.ts';
import { machineProblem } from './available.ts';
import { syncCommand } from './checkout.ts';
import { isHostChosen, runOnHost } from './host.ts';
import { withImage } from './image.ts';
import { runningMachine, startMachine, type Machine } from './machine.ts';
import { removeMachine, removeOwn, standingPaths } from './record.ts';

const HELP = `scripts/lab zfs: a QEMU machine with OpenZFS, Docker and this checkout in it (needs root)

  scripts/lab zfs run [--timeout MINUTES] -- COMMAND…
                              boots a machine, runs COMMAND in its checkout, ends the machine;
                              the exit status is COMMAND's
  scripts/lab zfs up          boots a machine that stays
  scripts/lab zfs ssh [-- COMMAND…]     a shell, or COMMAND, in the one that is up
  scripts/lab zfs sync        brings the checkout as it is now into it (node_modules stay)
  scripts/lab zfs reboot [--power]      restarts it; --power: as after a power cut
  scripts/lab zfs down        ends it; its disks are gone
  scripts/lab zfs build       only makes the image (five minutes, once), in ~/.cache/cowherd-lab

The checkout is /srv/cowherd there, and /dev/disk/by-id/virtio-pool a blank disk of 8 GB.
COWHERD_ZFS=host: run and ssh run COMMAND on this host, which has OpenZFS; the others do nothing.
COWHERD_LAB_ACCEL=kvm|tcg instead of what a short trial says.
`;

class UsageError extends Error {}

const say = (line: string): void => void process.stderr.write(`lab: ${line}\n`);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    timeout: { type: 'string', default: '60' },
    power: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function main(): Promise<number> {
  const [name = 'help', ...command] = positionals;
  if (values.help || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (isHostChosen()) return onHost(name, command);
  const problem = machineProblem();
  if (problem !== undefined) throw new Error(problem);
  switch (name) {
    case 'run':
      return runOnce(required(command));
    case 'up':
      return up();
    case 'ssh':
      return standing().show(command.length > 0 ? command : ['bash', '-l']);
    case 'sync':
      await must(syncCommand(standing().sshArgv()));
      return 0;
    case 'reboot':
      await standing().reboot({ power: values.power });
      return 0;
    case 'down':
      await removeMachine(standingPaths());
      return 0;
    case 'build':
      await withImage(say, () => Promise.resolve());
      return 0;
    default:
      throw new UsageError(`no such command: ${name}`);
  }
}

async function onHost(name: string, command: readonly string[]): Promise<number> {
  if (name === 'run' || name === 'ssh') return runOnHost(required(command));
  say(`COWHERD_ZFS=host: nothing to do for ${name}`);
  return 0;
}

async function runOnce(command: readonly string[]): Promise<number> {
  const minutes = Number(values.timeout);
  if (!(minutes > 0)) throw new UsageError('--timeout wants minutes');
  const machine = await startMachine({ say });
  const timer = setTimeout(() => {
    say(`${String(minutes)} minutes are over`);
    end(124);
  }, minutes * 60_000);
  try {
    return await machine.show(command, { env: passedOn() });
  } finally {
    clearTimeout(timer);
    await machine.stop();
  }
}

function passedOn(): Record<string, string | undefined> {
  const { CI, COWHERD_SOAK, NO_COLOR } = process.env;
  return { CI, COWHERD_SOAK, NO_COLOR };
}

async function up(): Promise<number> {
  if (runningMachine(standingPaths())) throw new Error('it is up already');
  await removeMachine(standingPaths());
  await startMachine({ standing: true, say });
  return 0;
}

function standing(): Machine {
  const machine = runningMachine(standingPaths());
  if (!machine) throw new Error('no machine is up: scripts/lab zfs up');
  return machine;
}

function required(command: readonly string[]): readonly string[] {
  if (command.length === 0) throw new UsageError('which command? give it after --');
  return command;
}

/** Ends us at once; what we own dies with us. */
function end(status: number): void {
  removeOwn();
  process.exit(status);
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => {
    end(status);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(HELP);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
