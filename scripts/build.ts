import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { builtinsWhenNeeded } from './bundle/builtins.ts';
import { leaveOut } from './bundle/cuts.ts';
import { noticesFor } from './bundle/notices.ts';

// Makes dist/, the package: all of src/ and of the libraries it imports, in one file for each time at which something is loaded.
// See docs/adr/0010-a-package-without-dependencies.md.

const ROOT = join(import.meta.dirname, '..');

/** What is loaded by itself, by how src/ imports it then; each once, so that there is one of every class. */
const APART: Readonly<Record<string, string>> = {
  './compose.ts': './lib/compose.js',
  dockerode: './dockerode.js',
  execa: './execa.js',
  fastify: './fastify.js',
  'prom-client': './prom-client.js',
};

/** What a library does without when it is not there. */
const OPTIONAL = ['supports-color'];

const apart: Plugin = {
  name: 'apart',
  setup: (building) => {
    building.onResolve({ filter: /./ }, ({ kind, path }) => {
      const file = kind === 'dynamic-import' ? APART[path] : undefined;
      return file === undefined ? undefined : { path: file, external: true };
    });
  },
};

/** A module that finds files from its own place must stay as deep in dist/ as it is in src/. */
function checkPlaces({ outputs }: Metafile): void {
  for (const [output, { inputs }] of Object.entries(outputs)) {
    for (const input of Object.keys(inputs).filter((path) => path.startsWith('src/'))) {
      const isAsDeep = depthOf('dist', output) === depthOf('src', input);
      if (!isAsDeep && readFileSync(join(ROOT, input), 'utf8').includes('import.meta'))
        throw new Error(`${input} would look for its neighbours from ${output}`);
    }
  }
}

/** Nothing may be left to be looked for in a node_modules/. */
function checkImports({ outputs }: Metafile): void {
  const asked = Object.values(outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const known = new Set([...Object.values(APART), ...OPTIONAL]);
  const strange = asked.filter((path) => !isBuiltin(path) && !known.has(path));
  if (strange.length > 0) throw new Error(`not in the bundle: ${strange.join(', ')}`);
}

function depthOf(top: string, path: string): number {
  return relative(top, dirname(path)).split('/').filter(Boolean).length;
}

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
const cuts = leaveOut();
const { metafile, warnings } = await build({
  absWorkingDir: ROOT,
  entryPoints: {
    main: 'src/main.ts',
    guard: 'src/guard.ts',
    'read-many': 'src/read-many.ts',
    'lib/compose': 'src/compose.ts',
    'lib/dockerode': 'dockerode',
    'lib/execa': 'execa',
    'lib/fastify': 'fastify',
    'lib/prom-client': 'prom-client',
  },
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.18',
  // All that CommonJS in it can still require is part of Node.js: nothing is ever looked for in a node_modules/.
  banner: { js: 'const require = process.getBuiltinModule;' },
  // Node.js reads every character of it at each start. Names stay; with the maps, which --verbose reads, so do lines.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  plugins: [apart, cuts.plugin, builtinsWhenNeeded],
  metafile: true,
  logLevel: 'warning',
});
if (warnings.length > 0) throw new Error('esbuild has warned');
cuts.checkUsed();
checkPlaces(metafile);
checkImports(metafile);
chmodSync(join(ROOT, 'dist/main.js'), 0o755);
writeFileSync(
  join(ROOT, 'dist/THIRD-PARTY-NOTICES'),
  noticesFor(ROOT, Object.keys(metafile.inputs)),
);
