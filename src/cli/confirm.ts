import { createInterface } from 'node:readline/promises';
import { CowherdError } from '../model/errors.ts';
import { escapeForTerminal } from '../model/names.ts';

/** Asks a person on a terminal. Throws CONFIRMATION_REQUIRED when the answer is not yes, or nobody can be asked. */
export async function confirmOnTerminal(
  question: string,
  options: { readonly yes: boolean; readonly json: boolean },
): Promise<void> {
  if (options.yes) return;
  if (options.json || !process.stdin.isTTY || !process.stdout.isTTY) {
    throw new CowherdError('CONFIRMATION_REQUIRED', `this would ${question}`, {
      hint: 'add --yes to do it',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(`${escapeForTerminal(question)}? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new CowherdError('CONFIRMATION_REQUIRED', 'not confirmed; nothing was changed');
  } finally {
    terminal.close();
  }
}
