import { open, rm } from 'node:fs/promises';
import { pipeline, type PipelineOptions } from '../../exec/pipeline.ts';
import type { Stage, StageEnd } from '../../exec/stages.ts';
import { CowherdError } from '../../model/errors.ts';
import type { StoredStream } from './summary.ts';

export interface Stored extends StoredStream {
  readonly stages: readonly StageEnd[];
}

const ZSTD: Stage = { file: 'zstd', args: ['-q', '-T0', '-3', '-c'] };
const SHA256SUM: Stage = { file: 'sha256sum', args: ['-b'] };
const SUM = /^[0-9a-f]{64}(?= )/;

/**
 * Compresses what some programs write into a file, which is on the disk when this resolves and gone when it fails. The sum is
 * of what was written to it. Throws as `pipeline` does.
 */
export async function storeStream(
  stages: readonly Stage[],
  path: string,
  options: PipelineOptions,
): Promise<Stored> {
  const file = await open(path, 'wx', 0o600);
  try {
    const tee: Stage = { file: 'tee', args: ['--output-error=exit', '--', path] };
    const result = await pipeline([...stages, ZSTD, tee, SHA256SUM], {
      ...{ diesWithUs: true },
      ...options,
    });
    await file.sync();
    const { size: storedBytes } = await file.stat();
    return { sha256: sumIn(result.stdout), storedBytes, stages: result.stages };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** The sum of what is read from a descriptor. Throws as `pipeline` does. */
export async function sumOf(stdin: number, options: PipelineOptions): Promise<string> {
  return sumIn((await pipeline([SHA256SUM], { ...options, stdin })).stdout);
}

function sumIn(said: string): string {
  const [sum] = SUM.exec(said) ?? [];
  if (sum !== undefined) return sum;
  throw new CowherdError('TOOL_FAILED', `sha256sum said what is no sum: ${said}`);
}
