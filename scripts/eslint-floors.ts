import { relative, resolve, sep } from 'node:path';
import type { ESLint, Rule } from 'eslint';

/** Height of each directory of src/; a file imports its own directory and what is lower. */
const FLOORS: Readonly<Record<string, number>> = {
  cli: 5,
  daemon: 5,
  usecases: 4,
  quiesce: 3,
  storage: 3,
  destinations: 3,
  docker: 3,
  state: 3,
  exec: 2,
  config: 2,
  model: 1,
};

/** What entries at the top of src/ may import; compose.ts, the composition root, everything. */
const ENTRY_IMPORTS = ['exec', 'model', 'quiesce', 'docker', 'config'];
const ROOT = 'compose.ts';

/** A library is imported in one place: paths below src/ where it may be. */
const LIBRARIES: readonly (readonly [library: RegExp, places: RegExp])[] = [
  [/^dockerode$/, /^docker\//],
  [/^execa$/, /^exec\//],
  [/^(node:)?child_process$/, /^exec\//],
  [/^zod(\/|$)/, /^config\/|schemas?[^/]*\.ts$/],
  [/^yaml$/, /^config\//],
  [/^commander$/, /^cli\//],
  [/^cron-parser$/, /^model\/schedule\.ts$/],
  [/^(fastify|@fastify\/.*|prom-client)$/, /^daemon\//],
];

/** Why `file` may not import `specifier` (both as in the source; file relative to src/), or undefined. */
export function importProblem(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return libraryProblem(file, specifier);
  const target = relative('/src', resolve('/src', file, '..', specifier));
  if (target.startsWith('..')) return `src/ does not import from outside: ${specifier}`;
  return floorProblem(file, target);
}

function libraryProblem(file: string, library: string): string | undefined {
  const row = LIBRARIES.find(([name]) => name.test(library));
  if (row === undefined || row[1].test(file)) return undefined;
  return `${library} is imported only where the path matches ${String(row[1])}`;
}

function floorProblem(file: string, target: string): string | undefined {
  const from = areaOf(file);
  const to = areaOf(target);
  if (file === ROOT || (from !== '' && from === to)) return undefined;
  if (file === 'main.ts') return target === ROOT ? undefined : `main.ts imports ${ROOT} alone`;
  if (to === '') return `entries such as ${target} are imported by nobody`;
  const height = FLOORS[to];
  if (height === undefined) return `src/${to} has no floor: see DESIGN, and FLOORS in this rule`;
  if (from === '') {
    return ENTRY_IMPORTS.includes(to) ? undefined : `an entry does not import ${to}/`;
  }
  if (height < (FLOORS[from] ?? 0)) return undefined;
  return `${from}/ does not import ${to}/: imports go to lower floors only`;
}

function areaOf(file: string): string {
  const parts = file.split('/');
  return parts.length > 1 ? (parts[0] ?? '') : '';
}

const floors: Rule.RuleModule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = relative(resolve(context.cwd, 'src'), context.filename).split(sep).join('/');
    const check = (node: Rule.Node) => {
      const specifier = specifierOf(node);
      const message = specifier === undefined ? undefined : importProblem(file, specifier);
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportAllDeclaration: check,
      ExportNamedDeclaration: check,
      TSImportType: check,
    };
  },
};

function specifierOf(node: unknown): string | undefined {
  const { source } = node as { source?: { value?: unknown } | null };
  return typeof source?.value === 'string' ? source.value : undefined;
}

const noBarrel: Rule.RuleModule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    return {
      Program(node) {
        if (!/(^|[\\/])index\.[cm]?[jt]s$/.test(context.filename)) return;
        context.report({ node, message: 'no barrel files: import from where a thing is' });
      },
    };
  },
};

/** The house rules that no library has: `floors` (imports go down) and `no-barrel`. */
const plugin: ESLint.Plugin = { rules: { floors, 'no-barrel': noBarrel } };
export default plugin;
