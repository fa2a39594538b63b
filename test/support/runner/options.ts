import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CHECKS, type CheckName } from './checks.ts';

export const SUITES = ['unit', 'contract', 'integration', 'e2e', 'zfs'] as const;

/** Test files and directories, one a line, that the suite `zfs` runs in the ZFS machine, each once and in this order; after `soak` in a soak alone. */
const MACHINE_LIST = 'test/zfs.list';

/** What a run is asked to do. */
export interface RunnerOptions {
  /** The checkout whose tests run. */
  readonly root: string;
  readonly soak: boolean;
  readonly ci: boolean;
  readonly timeoutMs: number;
  /** Files that run at once, besides those of the suite `unit`. */
  readonly jobs: number;
  readonly checks: readonly CheckName[];
  /** Test files by what selected them, relative to root; none is a failure. */
  readonly selections: readonly Selection[];
}

export interface Selection {
  readonly name: string;
  readonly files: readonly string[];
  /** Files that drive machines from here, where the suite's others run inside one. */
  readonly outside?: readonly string[];
}

/** Command line → options; without names: all checks and all suites. */
export function parseRunnerOptions(args: string[]): RunnerOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      root: { type: 'string', default: resolve(import.meta.dirname, '../../..') },
      soak: { type: 'boolean', default: false },
      timeout: { type: 'string' },
      jobs: { type: 'string', default: '1' },
    },
  });
  const names = positionals.length > 0 ? positionals : [...CHECKS, ...SUITES];
  const isCheck = (name: string): name is CheckName => CHECKS.some((check) => check === name);
  const minutes = Number(values.timeout ?? (values.soak ? 60 : 10));
  if (!(minutes > 0)) throw new Error('--timeout wants minutes');
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error('--jobs wants a number');
  return {
    root: resolve(values.root),
    soak: values.soak,
    ci: process.env['CI'] === 'true',
    timeoutMs: minutes * 60_000,
    jobs,
    checks: names.filter(isCheck),
    selections: names
      .filter((name) => !isCheck(name))
      .map((name) => select(values.root, name, values.soak)),
  };
}

function select(root: string, name: string, soak: boolean): Selection {
  if (name === 'zfs') {
    const outside = globSync('test/machine/**/*.test.ts', { cwd: root }).sort();
    return { name, files: machineFiles(root, soak), outside };
  }
  if (SUITES.some((suite) => suite === name)) {
    return { name, files: globSync(`test/${name}/**/*.test.ts`, { cwd: root }).sort() };
  }
  const path = [resolve(root, name), resolve(name)].find((candidate) => existsSync(candidate));
  if (path === undefined) return { name, files: [] };
  const file = relative(resolve(root), path);
  if (path.endsWith('.ts')) return { name, files: [file] };
  return { name, files: globSync(join(file, '**/*.test.ts'), { cwd: root }).sort() };
}

function machineFiles(root: string, soak: boolean): string[] {
  const list = join(root, MACHINE_LIST);
  if (!existsSync(list)) return [];
  const lines = readFileSync(list, 'utf8').split('\n');
  const names = lines.map((line) => line.trim()).filter((line) => /^[^#]/.test(line));
  const files = names.flatMap((line) => {
    const name = line.replace(/^soak /, '');
    if (name !== line && !soak) return [];
    const selected = select(root, name, soak).files;
    return selected.length > 0 ? selected : [name];
  });
  return [...new Set(files)];
}
