import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Readable, Writable } from 'node:stream';
import { CHILD_ENVIRONMENT } from './run.ts';

/** A program of our own that runs on when we end; it hears of our end by its stdin closing. */
export type OwnProcess = ChildProcessByStdio<Writable, Readable, null>;

/** An entry file of this package: `src/guard.ts` in a checkout, `dist/guard.js` in the package. */
export function entryPath(name: 'guard' | 'main' | 'read-many'): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../${name}.${extension}`, import.meta.url));
}

/**
 * Starts an entry file of this package with the Node that runs us, in a session of its own (setsid), at `/`, with an environment
 * of ours and none of our descriptors but the pipes to its stdin and stdout; stderr goes to /dev/null. SIGUSR1 does not open a
 * debugger in it, and it does not keep our event loop alive. A failure to start arrives as its `error` event.
 */
export function spawnOwn(entry: string): OwnProcess {
  const child = spawn(process.execPath, ['--disable-sigusr1', entry], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
    cwd: '/',
    env: CHILD_ENVIRONMENT,
  });
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) if (pipe instanceof Socket) pipe.unref();
  return child;
}
