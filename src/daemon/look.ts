import { fileOf } from '../config/render.ts';
import type { Config } from '../config/schema.ts';
import { run } from '../exec/run.ts';
import { entryPath } from '../exec/spawn-own.ts';
import { NEEDS_PERSON } from '../usecases/finding.ts';
import type { StatusDocument } from '../usecases/status.ts';

/** It reads much once: little of its memory need be young. */
const FLAGS = ['--disable-sigusr1', '--max-semi-space-size=1'];

/**
 * The findings of `cowherd status` with this config, by a process of its own: what thousands of restore points take in memory would stay with
 * this one, and a disk that does not answer holds up nobody. Throws TOOL_FAILED.
 */
export async function findingsNow(
  config: Config,
  signal: AbortSignal,
): Promise<StatusDocument['findings']> {
  // Whom to tell and to answer is the daemon's business; addresses are secrets.
  const input = JSON.stringify({ ...fileOf(config), notify: {}, api: {} });
  const argv = [...FLAGS, entryPath('main'), '--config', '-', '--json', 'status'];
  const { stdout } = await run(process.execPath, argv, {
    ...{ input, signal, diesWithUs: true },
    okExits: [0, NEEDS_PERSON],
  });
  const text = Buffer.from(stdout, 'latin1').toString();
  return (JSON.parse(text) as Pick<StatusDocument, 'findings'>).findings;
}
