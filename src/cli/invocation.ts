import type { Config } from '../config/schema.ts';
import type { Context } from '../usecases/context.ts';

/** How a command speaks to whoever called it. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Writes to stdout; with `--json` only `document` does. */
  readonly print: (text: string) => void;
  /** The one JSON document. */
  readonly document: (value: unknown) => void;
  /** One line on stderr; nothing with `--quiet`. */
  readonly tell: (line: string) => void;
}

/** Global options as given. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly waitMs: number;
}

/** What `compose.ts` hands to the command that was called. */
export interface Invocation {
  readonly output: Output;
  readonly configFile: string | null;
  readonly now: () => Date;
  /** Loads the config on first use. Throws CONFIG_INVALID. */
  readonly config: () => Promise<Config>;
  /** Builds the adapters on first use. Throws CONFIG_INVALID. */
  readonly context: () => Promise<Context>;
  /** The same, without Docker and by the built-in defaults where the config is no good, which is told. */
  readonly contextAnyhow: () => Promise<Context>;
  /** Keeps the schedules until we are asked to end. Throws CONFIG_INVALID, LOCKED. */
  readonly daemon: () => Promise<void>;
  /** Asks on a terminal; else CONFIRMATION_REQUIRED unless `yes`. `question` ends without a question mark. */
  readonly confirm: (question: string, yes: boolean) => Promise<void>;
}

/** A command's action gives its exit status. */
export type Run = (invocation: Invocation) => Promise<number>;
