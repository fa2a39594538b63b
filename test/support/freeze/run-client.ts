import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { until } from '../lab/run.ts';

/** A freezing program in a process of its own, stopped in the middle of its capture. */
export interface Client {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly guardPid: number;
  /** The last line it said. */
  readonly lastWord: () => string;
  readonly ended: () => Promise<void>;
}

/** Starts one and waits until it has frozen the container. */
export async function startClient(
  container: { readonly id: string; readonly name: string; readonly pid: number },
  options: { readonly runtimeDir: string; readonly maxFreezeMs: number; readonly socket?: string },
): Promise<Client> {
  const { id, name, pid } = container;
  const argument = JSON.stringify({ container: { id, name, pid }, ...options });
  const program = join(import.meta.dirname, 'client.ts');
  const child = spawn(process.execPath, [program, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  const guardPid = await until('frozen', () => /^frozen (\d+)$/m.exec(said)?.[1], { everyMs: 2 });
  return {
    process: child,
    pid: child.pid ?? 0,
    guardPid: Number(guardPid),
    lastWord: () => said.trim().split('\n').at(-1) ?? '',
    ended: () => ended,
  };
}
