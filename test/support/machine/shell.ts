import * as assert from 'uvu/assert';
import type { RunResult } from '../lab/run.ts';
import type { Machine } from './machine.ts';

/** A shell in a machine. */
export interface Shell {
  /** Runs a script to its end, however that is; 10 min at most. */
  readonly inside: (script: string) => Promise<Pick<RunResult, 'exitCode' | 'stdout' | 'stderr'>>;
  /** What a script has said, which must succeed. */
  readonly said: (script: string) => Promise<string>;
}

const LONGEST_MS = 600_000;

/** That of a machine that may not have started yet. */
export function shellOf(machine: () => Machine | undefined): Shell {
  const inside: Shell['inside'] = async (script) => {
    const started = machine();
    if (started === undefined) throw new Error('no machine');
    return started.run(['sh', '-c', script], { timeoutMs: LONGEST_MS });
  };
  const said = async (script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await inside(script);
    assert.is(exitCode, 0, `${script}: ${stderr}`);
    return stdout.trim();
  };
  return { inside, said };
}
