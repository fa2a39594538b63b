import { parseRunnerOptions } from '../test/support/runner/options.ts';
import { runAll } from '../test/support/runner/runner.ts';

try {
  process.exitCode = await runAll(parseRunnerOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`test: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
