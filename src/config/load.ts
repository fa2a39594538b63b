import { access, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { CowherdError, systemCode } from '../model/errors.ts';
import { cronProblems } from './cron-problems.ts';
import type { SourceDocument } from './document.ts';
import { readDocument } from './document.ts';
import { deepFreeze } from './frozen.ts';
import type { Problem } from './problems.ts';
import { problemsOf } from './problems.ts';
import type { Config } from './schema.ts';
import { EMPTY_POLICY } from './retention-schema.ts';
import { configSchema } from './schema.ts';
import { secretProblems } from './secrets.ts';

export interface ConfigSource {
  /** `--config FILE`; `-` is what comes in by stdin. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The host's name, which `host:` is without a value of its own. */
  readonly hostname: string;
}

/** Where the config is looked for when nobody names a file. */
export const SYSTEM_CONFIG = '/etc/cowherd/cowherd.yaml';

const STDIN = '-';
/** What came in by it: a reload of the daemon finds it read. */
let typed: Promise<string> | null = null;

/** One problem of a config file, as `details.problems` of CONFIG_INVALID lists it. */
export interface LocatedProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `agents.paths[0].path`; empty where it concerns the text. */
  readonly path: string;
  readonly message: string;
}

/**
 * The config with every default in it, frozen. Throws one CONFIG_INVALID with every problem of the file (POLICY_EMPTY where none
 * is another): lines `file:line:column: path: what` as its message, `details.problems` as data.
 */
export async function loadConfig(source: ConfigSource): Promise<Config> {
  const file = await configPath(source);
  const text = file === null ? '' : await readConfig(file);
  return parseConfig(text, { file: file ?? 'built-in defaults', hostname: source.hostname });
}

/** The file that `loadConfig` reads: --config, else $COWHERD_CONFIG, else the system's if there; null for none. */
export async function configPath({
  file,
  env,
}: Omit<ConfigSource, 'hostname'>): Promise<string | null> {
  const named = file ?? env['COWHERD_CONFIG'] ?? '';
  if (named !== '' || file !== undefined) return named;
  try {
    await access(SYSTEM_CONFIG);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
  }
  return SYSTEM_CONFIG;
}

/** A config text as `loadConfig` gives it; reads no file but the secrets it names. */
export async function parseConfig(
  text: string,
  { file, hostname }: { readonly file: string; readonly hostname: string },
): Promise<Config> {
  const document = readDocument(text);
  if (document.faults.length > 0) {
    throw invalid(document.faults.map((fault) => ({ file, path: '', ...fault })));
  }
  const parsed = configSchema.safeParse(document.value);
  const problems = [
    ...problemsOf(parsed.error?.issues ?? []),
    ...(await secretProblems(document.value)),
    ...(await cronProblems(document.value)),
  ];
  if (problems.length > 0 || !parsed.success) {
    throw invalid(problems.map((problem) => located(problem, { file, document })));
  }
  return deepFreeze({ ...parsed.data, host: parsed.data.host ?? hostname });
}

async function readConfig(file: string): Promise<string> {
  try {
    return file === STDIN ? await (typed ??= text(process.stdin)) : await readFile(file, 'utf8');
  } catch (error) {
    const why = systemCode(error) === 'ENOENT' ? 'there is no such file' : String(error);
    throw new CowherdError('CONFIG_INVALID', `${file || "''"}: ${why}`, {
      hint: 'check --config and $COWHERD_CONFIG; without them cowherd works with built-in defaults',
      cause: error,
    });
  }
}

function located(
  { path, message }: Problem,
  { file, document }: { readonly file: string; readonly document: SourceDocument },
): LocatedProblem {
  const dotted = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return { file, ...document.positionOf(path), path: dotted.replace(/^\./, ''), message };
}

function invalid(problems: readonly LocatedProblem[]): CowherdError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = sorted.map(
    ({ file, line, column, path, message }) =>
      `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
  );
  const isEmpty = problems.every(({ message }) => message === EMPTY_POLICY);
  return new CowherdError(isEmpty ? 'POLICY_EMPTY' : 'CONFIG_INVALID', lines.join('\n'), {
    hint: 'cowherd config schema tells what each key takes, cowherd config show what holds now',
    details: { problems: sorted },
  });
}
