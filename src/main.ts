#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { confirmOnTerminal } from './cli/confirm.ts';
import type { GlobalOptions, Invocation, Output, Run } from './cli/invocation.ts';
import { errorLines, escapeLines, printableJson } from './cli/render.ts';
import { CowherdError, EXIT_STATUS, toCowherdError } from './model/errors.ts';
import { escapeForTerminal } from './model/names.ts';
import type { Context } from './usecases/context.ts';
import { zfsParentIn } from './usecases/zfs-parent.ts';

const RUNTIME_DIR = '/run/cowherd';
const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The signal that asked us to end, if one did. */
const asked: { signal: keyof typeof SIGNAL_STATUS | null } = { signal: null };

/** Aborts when we are asked to end: a bracket thaws at once, a transaction reverts, then we leave with the signal's status. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (name: keyof typeof SIGNAL_STATUS): void => {
    asked.signal = name;
    controller.abort(
      new CowherdError('INTERRUPTED', `interrupted by ${name}; nothing stays frozen`, {
        hint: 'run it again',
      }),
    );
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
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

/** The real adapters, each loaded when it is first needed. */
async function buildContext(options: GlobalOptions, output: Output): Promise<Context> {
  const { loadConfig } = await import('./config/load.ts');
  const config = await loadConfig({
    ...(options.config === undefined ? {} : { file: options.config }),
    env: process.env,
    hostname: hostname(),
  });
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
      parentIn: async (pool) => zfsParentIn(pool, { config, docker, mounts: readMounts }),
      now,
      random,
    }),
    mounts: readMounts,
    runtimeDir: RUNTIME_DIR,
    version: version(),
    host: config.host,
    waitMs: options.waitMs,
    interrupt: interruptSignal(),
    now,
    ticks: () => performance.timeOrigin + performance.now(),
    random,
    tell: output.tell,
  };
}

const now = (): Date => new Date();
const random = (): string => randomBytes(4).toString('hex');

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}

function version(): string {
  const { version: text } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  return text;
}

async function execute(run: Run, options: GlobalOptions): Promise<number> {
  const output = outputOf(options);
  const { configPath } = await import('./config/load.ts');
  const invocation: Invocation = {
    output,
    configFile: await configPath({
      ...(options.config === undefined ? {} : { file: options.config }),
      env: process.env,
    }),
    context: once(async () => buildContext(options, output)),
    confirm: async (question, yes) => confirmOnTerminal(question, { yes, json: options.json }),
  };
  return run(invocation);
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

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && argv[0] === '--version') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  try {
    const { runProgram } = await import('./cli/program.ts');
    return await runProgram(argv, { version: version(), execute });
  } catch (error) {
    return fail(error, argv);
  }
}

// A reader that went away (`cowherd snapshots | head`) is no reason to stop half way.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const status = await main(process.argv.slice(2));
process.exitCode = asked.signal !== null && status !== 0 ? SIGNAL_STATUS[asked.signal] : status;
