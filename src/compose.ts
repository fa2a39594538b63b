import { hostname } from 'node:os';
import type { GlobalOptions, Invocation, Output, Run } from './cli/invocation.ts';
import { errorLines, escapeLines } from './cli/render.ts';
import type { Config } from './config/schema.ts';
import type { DaemonHost } from './daemon/daemon.ts';
import { CowherdError, EXIT_STATUS, toCowherdError } from './model/errors.ts';
import { escapeForTerminal } from './model/names.ts';
import { printableJson } from './model/printable-json.ts';
import type { Context } from './usecases/context.ts';

const RUNTIME_DIR = '/run/cowherd';
const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The signal that asked us to end, if one did. */
const asked: { signal: keyof typeof SIGNAL_STATUS | null } = { signal: null };

/**
 * Aborts when we are asked to end: a bracket thaws at once, a transaction reverts, then we leave with the signal's status. With `onHangup`
 * SIGHUP does that instead.
 */
function interruptSignal(onHangup?: () => void): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: keyof typeof SIGNAL_STATUS): void => {
    asked.signal = name;
    controller.abort(
      new CowherdError('INTERRUPTED', `interrupted by ${name}; nothing stays frozen`, {
        hint: 'run it again',
      }),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onHangup ?? onSignal);
  return controller.signal;
}

function outputOf({ json, quiet, verbose }: GlobalOptions): Output {
  return {
    json,
    quiet,
    verbose,
    print: (text) => {
      if (!json) process.stdout.write(`${escapeLines(text)}\n`);
    },
    document: (value) => {
      process.stdout.write(`${printableJson(value)}\n`);
    },
    tell: (line) => {
      if (!quiet) process.stderr.write(`${escapeForTerminal(line)}\n`);
    },
  };
}

async function readConfig(options: GlobalOptions): Promise<Config> {
  const { loadConfig } = await import('./config/load.ts');
  return loadConfig({
    ...(options.config === undefined ? {} : { file: options.config }),
    env: process.env,
    hostname: hostname(),
  });
}

/** Whoever is frozen shall not wait until a config is mended. Another Docker than that of the config is not asked: it knows none of them. */
async function configAnyhow(
  config: () => Promise<Config>,
  tell: (line: string) => void,
): Promise<Config> {
  try {
    return await config();
  } catch (error) {
    const { code, message } = toCowherdError(error);
    tell(`warning: ${code}: ${message}`);
    const { parseConfig } = await import('./config/load.ts');
    return parseConfig('docker: none', { file: 'built-in defaults', hostname: hostname() });
  }
}

interface Wanted {
  readonly options: GlobalOptions;
  readonly output: Output;
  readonly version: string;
  readonly config: Config;
  readonly interrupt: AbortSignal;
}

/** The real adapters, each loaded when it is first needed. */
async function buildContext({
  options,
  output,
  version,
  config,
  interrupt,
}: Wanted): Promise<Context> {
  const { openStores } = await import('./storage/stores.ts');
  const { readMounts } = await import('./storage/mounts.ts');
  const docker = once(async () => {
    if (config.docker === null) return null;
    const { connectDocker } = await import('./docker/connect.ts');
    return connectDocker(config.docker.socket);
  });
  return {
    config,
    docker,
    openStore: openStores({
      runtimeDir: RUNTIME_DIR,
      archives: config.archives,
      parentIn: async (pool) => {
        const { zfsParentIn } = await import('./usecases/zfs-parent.ts');
        return zfsParentIn(pool, { config, docker, mounts: readMounts });
      },
      now,
      random,
    }),
    mounts: readMounts,
    runtimeDir: RUNTIME_DIR,
    version,
    host: config.host,
    waitMs: options.waitMs,
    interrupt,
    now,
    ticks: () => performance.timeOrigin + performance.now(),
    random,
    tell: output.tell,
  };
}

function daemonHost(given: Omit<Wanted, 'config' | 'interrupt'>): DaemonHost {
  const { options } = given;
  const listeners: (() => void)[] = [];
  const interrupt = interruptSignal(() => {
    for (const listener of listeners) listener();
  });
  return {
    load: async () => {
      const { patient } = await import('./usecases/schedule-ports.ts');
      const config = await readConfig(options);
      return async () => patient(await buildContext({ ...given, config, interrupt }));
    },
    interrupt,
    onReload: (listener) => listeners.push(listener),
    env: process.env,
    tell: given.output.tell,
    version: given.version,
  };
}

const now = (): Date => new Date();
/** node:crypto takes longer to load than most commands need to be looked at. */
const random = (): string => process.getBuiltinModule('node:crypto').randomBytes(4).toString('hex');

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}

async function execute(command: Run, options: GlobalOptions, version: string): Promise<number> {
  const output = outputOf(options);
  const { configPath } = await import('./config/load.ts');
  const config = once(async () => readConfig(options));
  const contextBy = async (read: () => Promise<Config>): Promise<Context> => {
    const given = { options, output, version, config: await read() };
    return buildContext({ ...given, interrupt: interruptSignal() });
  };
  const invocation: Invocation = {
    output,
    configFile: await configPath({
      ...(options.config === undefined ? {} : { file: options.config }),
      env: process.env,
    }),
    now,
    config,
    context: once(async () => contextBy(config)),
    contextAnyhow: once(async () => contextBy(async () => configAnyhow(config, output.tell))),
    daemon: async () => {
      const { runDaemon } = await import('./daemon/daemon.ts');
      await runDaemon(daemonHost({ options, output, version }));
    },
    confirm: async (question, yes) => {
      const { confirmOnTerminal } = await import('./cli/confirm.ts');
      await confirmOnTerminal(question, { yes, json: options.json });
    },
  };
  return command(invocation);
}

/** An error before anything was attempted: two lines, or one JSON document. */
function fail(thrown: unknown, argv: readonly string[]): number {
  const error = toCowherdError(thrown);
  const { code, message, hint, details } = error;
  if (argv.includes('--json'))
    process.stdout.write(`${printableJson({ error: { code, message, hint, details } })}\n`);
  else process.stderr.write(`${errorLines(error)}\n`);
  if (argv.includes('--verbose'))
    process.stderr.write(
      `${escapeLines(`${String(error.stack)}\n${error.cause instanceof Error ? String(error.cause.stack) : ''}`)}\n`,
    );
  return EXIT_STATUS[code];
}

/** Runs a command line; gives its exit status, which is the signal's where one ended it before it was done. Never throws. */
export async function main(argv: readonly string[], version: string): Promise<number> {
  const status = await run(argv, version);
  return asked.signal !== null && status !== 0 ? SIGNAL_STATUS[asked.signal] : status;
}

async function run(argv: readonly string[], version: string): Promise<number> {
  try {
    const { runProgram } = await import('./cli/program.ts');
    const bound = async (command: Run, options: GlobalOptions): Promise<number> =>
      execute(command, options, version);
    return await runProgram(argv, { version, execute: bound });
  } catch (error) {
    return fail(error, argv);
  }
}
