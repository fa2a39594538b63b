import { InvalidArgumentError, type Command } from 'commander';
import { parseDuration } from '../model/durations.ts';
import type { Run } from './invocation.ts';

/** Binds a command's action to the invocation of this process. */
export type Bind = (run: Run) => Promise<void>;

/** Adds one command to the program. */
export type Register = (program: Command, bind: Bind) => void;

/** A duration option's value in milliseconds. */
export function durationMs(text: string): number {
  const parsed = parseDuration(text);
  if (parsed === null)
    throw new InvalidArgumentError('expected a duration such as 30s, 5m or 1h30m');
  return parsed;
}

/** Collects `--tag K=V`, the last of equal keys wins. */
export function tag(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects the values of an option that may be given several times. */
export function collect(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

/** A command with its one-line description and an example for its help. */
export function command(
  program: Command,
  usage: string,
  about: { readonly description: string; readonly example: string },
): Command {
  const lines = about.example.split('\n').map((line) => `  ${line}`);
  return program
    .command(usage)
    .description(about.description)
    .addHelpText('after', `\nExample:\n${lines.join('\n')}`);
}

export type { Command };
