import { spawn, type ChildProcess } from 'node:child_process';
import { styleText } from 'node:util';
import type { Lab } from '../lab/lab.ts';
import { beforeStop } from '../lab/live.ts';

/** What a command of the story said and how it ended. */
export interface Told {
  readonly exitCode: number;
  readonly output: string;
}

const BREATH_MS = 15_000;

/** Tells the demo: headings, commands with their real output, and what is proven. */
export class Story {
  #steps = 0;
  #held = 0;
  readonly #broken: string[] = [];
  readonly #begin = performance.now();
  #child: ChildProcess | undefined;
  #interrupted = false;

  constructor() {
    beforeStop(() => this.#interrupt());
  }

  /** A signal came: its handler cleans up and ends the process. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  get failed(): boolean {
    return this.#broken.length > 0;
  }

  /** Begins the next chapter. */
  chapter(title: string, ...lines: readonly string[]): void {
    this.#steps += 1;
    write(`\n${styleText('bold', `${String(this.#steps)}. ${title}`)}\n`);
    for (const line of lines) write(`   ${line}\n`);
  }

  say(...lines: readonly string[]): void {
    for (const line of lines) write(line === '' ? '\n' : `   ${line}\n`);
  }

  /** Shows a command, runs it, shows what it says as it says it. Throws for a status that is not expected. */
  async run(shown: string, child: ChildProcess, expected: readonly number[] = [0]): Promise<Told> {
    if (this.#interrupted) throw new Error('interrupted');
    write(`\n${styleText('cyan', `$ ${shown}`)}\n`);
    const told = await this.#follow(child);
    if (!expected.includes(told.exitCode))
      throw new Error(`${shown}: exit ${String(told.exitCode)}`);
    return told;
  }

  /** One thing that has to hold. */
  proof(holds: boolean, what: string): void {
    if (holds) this.#held += 1;
    else this.#broken.push(what);
    write(`   ${holds ? styleText('green', 'ok  ') : styleText('red', 'NOT ')} ${what}\n`);
  }

  /** The story cannot go on. */
  fail(why: string): void {
    this.#broken.push(why);
    write(`\n${styleText('red', why)}\n`);
  }

  /** The last words. */
  end(lab: Lab, keep: boolean): void {
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(0);
    if (keep) {
      write(`\nThe throw-away host is still there. To use it in this shell:\n`);
      write(`   eval "$(scripts/lab env ${lab.name})"; scripts/cowherd status\n`);
      write(`To remove it:\n   scripts/lab stop ${lab.name}\n`);
    } else write('\nThe throw-away host is gone; nothing of it is left on this machine.\n');
    if (!this.failed) {
      write(styleText('bold', `All ${String(this.#held)} proofs held, in ${seconds} s.\n`));
      return;
    }
    write(styleText('red', `${String(this.#broken.length)} of the proofs did not hold:\n`));
    for (const what of this.#broken) write(`   ${what}\n`);
  }

  async #follow(child: ChildProcess): Promise<Told> {
    this.#child = child;
    const chunks: Buffer[] = [];
    const show = (chunk: Buffer) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    };
    child.stdout?.on('data', show);
    child.stderr?.on('data', show);
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? 1));
    });
    this.#child = undefined;
    return { exitCode, output: Buffer.concat(chunks).toString() };
  }

  /** On Ctrl-C the command under way ends first, as it wants to; the host goes after it. */
  async #interrupt(): Promise<void> {
    this.#interrupted = true;
    write('\ninterrupted: removing the throw-away host\n');
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), BREATH_MS);
    await new Promise((resolve) => child.once('exit', resolve));
    clearTimeout(timer);
  }
}

/** A docker command of the lab as a child process. */
export function spawnDocker(lab: Lab, args: readonly string[]): ChildProcess {
  const env = { ...process.env, DOCKER_HOST: `unix://${lab.socket}` };
  return spawn('docker', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function write(text: string): void {
  process.stdout.write(text);
}
