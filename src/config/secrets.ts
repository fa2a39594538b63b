import { stat } from 'node:fs/promises';
import { systemCode } from '../model/errors.ts';
import { valueAt, type Path, type Problem } from './problems.ts';

/** The keys whose values are paths of secret files. */
const SECRETS: readonly Path[] = [
  ['api', 'tokens', 'read'],
  ['api', 'tokens', 'operate'],
];

/** What is wrong with the secret files a config (checked or not) names: they must exist and be the owner's alone. */
export async function secretProblems(config: unknown): Promise<readonly Problem[]> {
  const found = await Promise.all(
    SECRETS.map(async (path): Promise<readonly Problem[]> => {
      const file = valueAt(config, path);
      if (typeof file !== 'string' || !file.startsWith('/')) return [];
      const message = await secretFault(file);
      return message === null ? [] : [{ path, message }];
    }),
  );
  return found.flat();
}

async function secretFault(file: string): Promise<string | null> {
  try {
    const status = await stat(file);
    if (!status.isFile()) return `${file} is not a file`;
    if ((status.mode & 0o077) !== 0) return `group or others may use ${file}: chmod 600 ${file}`;
    return null;
  } catch (error) {
    return systemCode(error) === 'ENOENT'
      ? `there is no ${file}`
      : `${file} cannot be read: ${String(error)}`;
  }
}
