import type { Plugin } from 'esbuild';

/**
 * A plugin that takes parts of Node.js by `process.getBuiltinModule` when a module that imports them is first used. Imports would all
 * be done at the start of a bundle, also those of modules that nothing uses in this run, and have every getter of such a part
 * called: `node:process` alone loads the inspector, workers and diagnostic reports so.
 */
export const builtinsWhenNeeded: Plugin = {
  name: 'builtins-when-needed',
  setup: (build) => {
    build.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : undefined,
    );
    build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({ contents: takes(path) }));
  },
};

/** A module with the exports of a part of Node.js, of which the bundle keeps those that are imported. */
function takes(id: string): string {
  const names = Object.keys(process.getBuiltinModule(id) ?? {}).filter(
    (name) => name !== 'default',
  );
  return `const part = process.getBuiltinModule(${JSON.stringify(id)});
const take = (name) => part[name];
${names.map((name) => `export const ${name} = /* @__PURE__ */ take('${name}');`).join('\n')}
export default part;
`;
}
