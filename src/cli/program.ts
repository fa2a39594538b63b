import { Command, CommanderError } from 'commander';
import { CowherdError } from '../model/errors.ts';
import { adoptCommand, unadoptCommand } from './adopt.ts';
import { agentsCommand } from './agents.ts';
import { configCommand } from './config.ts';
import { daemonCommand } from './daemon.ts';
import { doctorCommand } from './doctor.ts';
import type { GlobalOptions, Run } from './invocation.ts';
import { durationMs, type Register } from './options.ts';
import { pinCommand, unpinCommand } from './pin.ts';
import { pruneCommand } from './prune.ts';
import { recoverCommand } from './recover.ts';
import { retentionCommand } from './retention.ts';
import { rollbackCommand } from './rollback.ts';
import { runDueCommand } from './run-due.ts';
import { snapshotCommand } from './snapshot.ts';
import { snapshotsCommand } from './snapshots.ts';
import { statusCommand } from './status-screen.ts';
import { thawCommand } from './thaw.ts';

const COMMANDS: readonly Register[] = [
  doctorCommand,
  agentsCommand,
  adoptCommand,
  unadoptCommand,
  snapshotCommand,
  snapshotsCommand,
  rollbackCommand,
  pinCommand,
  unpinCommand,
  pruneCommand,
  retentionCommand,
  thawCommand,
  recoverCommand,
  statusCommand,
  runDueCommand,
  daemonCommand,
  configCommand,
];

export interface ProgramOptions {
  readonly version: string;
  /** Runs the command that was called; its exit status is the program's. */
  readonly execute: (run: Run, options: GlobalOptions) => Promise<number>;
}

/** Parses the command line and runs what it asks for; gives the exit status. Throws USAGE. */
export async function runProgram(
  argv: readonly string[],
  { version, execute }: ProgramOptions,
): Promise<number> {
  let status = 0;
  const program = globalOptions(new Command('cowherd'), version);
  const bind = async (run: Run): Promise<void> => {
    status = await execute(run, optionsOf(program));
  };
  for (const register of COMMANDS) register(program, bind);
  quietErrors(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usage(error, argv);
  }
  return status;
}

function globalOptions(program: Command, version: string): Command {
  return program
    .description('Copy-on-write snapshots of the Docker volumes that agents live in.')
    .version(version, '--version', 'print the version')
    .option(
      '--config <file>',
      'config file, - for stdin (default: $COWHERD_CONFIG, then /etc/cowherd/cowherd.yaml)',
    )
    .option('--json', 'print one JSON document')
    .option('--quiet', 'say nothing but results and errors')
    .option('--verbose', 'say what is done, and show where an unexpected error came from')
    .option('--wait <duration>', 'wait so long for what another run has locked', durationMs)
    .addHelpText(
      'after',
      '\nExample:\n  cowherd doctor\n  cowherd snapshot alpha\n  cowherd rollback alpha',
    );
}

interface RawOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly wait?: number;
}

function optionsOf(program: Command): GlobalOptions {
  const {
    config,
    json = false,
    quiet = false,
    verbose = false,
    wait = 0,
  } = program.opts<RawOptions>();
  return { ...(config === undefined ? {} : { config }), json, quiet, verbose, waitMs: wait };
}

/** Commander throws instead of leaving, and leaves the words to us. */
function quietErrors(command: Command): void {
  command
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, outputError: () => undefined });
  for (const child of command.commands) quietErrors(child);
}

function usage(error: CommanderError, argv: readonly string[]): CowherdError {
  const asked = argv.find((word) => !word.startsWith('-'));
  const missing =
    error.code === 'commander.help'
      ? 'no command was given'
      : error.message.replace(/^error: /, '');
  return new CowherdError('USAGE', missing, {
    hint: `see: cowherd ${asked === undefined ? '' : `${asked} `}--help`,
  });
}
