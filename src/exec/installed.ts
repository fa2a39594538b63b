import { access, constants } from 'node:fs/promises';
import type { CowherdError } from '../model/errors.ts';
import { CHILD_ENVIRONMENT, failureOf } from './run.ts';

/** Looks for tools where our children would find them; a TOOL_MISSING, with the package to install, for each that is not there. */
export async function missingTools(tools: readonly string[]): Promise<readonly CowherdError[]> {
  const found = await Promise.all(tools.map(isInstalled));
  return tools.filter((_, index) => !found[index]).map(toolMissing);
}

async function isInstalled(tool: string): Promise<boolean> {
  const directories = (CHILD_ENVIRONMENT['PATH'] ?? '').split(':');
  const found = await Promise.all(
    directories.map(async (directory) =>
      access(`${directory}/${tool}`, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

function toolMissing(file: string): CowherdError {
  return failureOf({ file, args: [], code: 'ENOENT', timedOut: false, exitCode: -1, stderr: '' });
}
