import { labProblem, requireLab } from '../lab/available.ts';
import { run } from '../lab/run.ts';

/**
 * First line of a test file that watches by strace(1) and fatrace(1): ends it as skipped where there can be no lab; throws
 * where there can be one and processes cannot be traced, because what it is about would not be tested.
 */
export async function requireTracing(): Promise<void> {
  requireLab();
  const problem = labProblem(['strace', 'fatrace', 'python3', 'mount']);
  if (problem !== undefined) throw new Error(`${problem}: scripts/setup installs it`);
  const { exitCode, stderr } = await run(['strace', '-f', '-e', 'trace=%file', 'true']);
  if (exitCode !== 0) throw new Error(`strace cannot trace here: ${stderr}`);
}
