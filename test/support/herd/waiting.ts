import * as assert from 'uvu/assert';
import type { Lab } from '../lab/lab.ts';
import { argumentsOf, descendantsOf, processId } from '../lab/processes.ts';
import { until } from '../lab/run.ts';

export interface Waited<T> {
  readonly exitCode: number | null;
  readonly json: T;
}

/** Runs a command that has to wait for a lock; does `meanwhile` once it does, then lets it end. */
export async function waiting<T>(
  lab: Lab,
  args: readonly string[],
  meanwhile: () => unknown,
): Promise<Waited<T>> {
  const child = lab.spawnCowherd(['--json', ...args]);
  const said: Buffer[] = [];
  const told: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => told.push(chunk));
  const ended = new Promise((resolve) => child.on('close', resolve));
  await until('it waits for a lock', () => waitsForLock(child.pid ?? 0));
  await meanwhile();
  await ended;
  const text = Buffer.concat(said).toString();
  assert.ok(text.startsWith('{'), Buffer.concat(told).toString());
  return { exitCode: child.exitCode, json: JSON.parse(text) as T };
}

function waitsForLock(pid: number): boolean {
  const id = processId(pid);
  if (id === undefined) throw new Error('it has ended');
  return descendantsOf([id]).some((child) => {
    const [program, ...args] = argumentsOf(child.pid);
    return program === 'flock' && args.includes('-w');
  });
}
