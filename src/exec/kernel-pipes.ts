import { closeSync, constants, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { run } from './run.ts';

/** A pipe(2) of the kernel, which Node.js cannot make by itself: its two ends in this process. */
export interface KernelPipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * Makes pipes by way of FIFOs in a private directory, which are gone when this resolves. Each is opened for both first, because
 * that never waits (fifo(7)); who gets the ends closes them (`closePipes`). Throws TOOL_MISSING, TOOL_FAILED, IO_ERROR.
 */
export async function makePipes(count: number, runtimeDir: string): Promise<readonly KernelPipe[]> {
  if (count === 0) return [];
  await mkdir(runtimeDir, { recursive: true, mode: 0o711 });
  const directory = await mkdtemp(`${runtimeDir}/pipes-`);
  const paths = Array.from({ length: count }, (_, index) => `${directory}/${String(index)}`);
  const pipes: KernelPipe[] = [];
  try {
    await run('mkfifo', ['-m', '600', '--', ...paths], { urgent: true });
    for (const path of paths) pipes.push(openBothEnds(path));
    return pipes;
  } catch (error) {
    closePipes(pipes);
    throw error;
  } finally {
    removeAll(directory, paths);
  }
}

/** Closes our ends, as soon as the children have theirs: else nobody would see the other's end. */
export function closePipes(pipes: readonly KernelPipe[]): void {
  for (const { readFd, writeFd } of pipes) {
    closeSync(readFd);
    closeSync(writeFd);
  }
}

function openBothEnds(path: string): KernelPipe {
  const both = openSync(path, constants.O_RDWR);
  try {
    const readFd = openSync(path, constants.O_RDONLY);
    try {
      return { readFd, writeFd: openSync(path, constants.O_WRONLY) };
    } catch (error) {
      closeSync(readFd);
      throw error;
    }
  } finally {
    closeSync(both);
  }
}

function removeAll(directory: string, paths: readonly string[]): void {
  for (const path of paths) {
    try {
      unlinkSync(path);
    } catch {
      // It was not made; the directory then is empty, or says below what else is wrong.
    }
  }
  rmdirSync(directory);
}
