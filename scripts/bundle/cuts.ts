import type { Plugin } from 'esbuild';

interface Cut {
  /** The file that asks for it, as its path ends, and how it asks. */
  readonly from: string;
  readonly asks: string;
  /** For people, after "is left out": what is not there. */
  readonly what: string;
}

/** We list, stop, start and freeze containers over a unix socket: nothing of dockerode is wanted for anything else. */
const CUTS: readonly Cut[] = [
  { from: 'dockerode/lib/docker.js', asks: './session', what: 'BuildKit sessions' },
  { from: 'dockerode/lib/docker.js', asks: './buildkit', what: 'BuildKit' },
  { from: 'dockerode/lib/util.js', asks: 'tar-fs', what: 'building images' },
  { from: 'dockerode/lib/util.js', asks: '@balena/dockerignore', what: 'building images' },
  { from: 'dockerode/lib/util.js', asks: 'zlib', what: 'building images' },
  { from: 'docker-modem/lib/modem.js', asks: './ssh', what: 'Docker over ssh' },
  { from: 'docker-modem/lib/http.js', asks: 'https', what: 'Docker over TLS' },
  { from: 'commander/lib/command.js', asks: 'node:child_process', what: 'commands as programs' },
];

/** A plugin that puts something that throws when it is used in the place of each cut; `checkUsed` throws when one met nothing. */
export function leaveOut(): { readonly plugin: Plugin; readonly checkUsed: () => void } {
  const unused = new Set(CUTS);
  const plugin: Plugin = {
    name: 'leave-out',
    setup: (build) => {
      build.onResolve({ filter: /./ }, ({ importer, path }) => {
        const cut = CUTS.find(({ from, asks }) => path === asks && importer.endsWith(`/${from}`));
        if (cut === undefined) return undefined;
        unused.delete(cut);
        return { path: cut.asks, namespace: 'left-out', pluginData: cut.what };
      });
      build.onLoad({ filter: /./, namespace: 'left-out' }, ({ pluginData }) => ({
        contents: substituteFor(String(pluginData)),
      }));
    },
  };
  const checkUsed = (): void => {
    const names = Array.from(unused, ({ from, asks }) => `${asks} of ${from}`);
    if (names.length > 0) throw new Error(`there is no ${names.join(', no ')} to leave out`);
  };
  return { plugin, checkUsed };
}

/** A module that may be loaded, and throws when anything of it is read or called. */
function substituteFor(what: string): string {
  const message = JSON.stringify(`${what}: left out of this package`);
  return `const refuse = () => { throw new Error(${message}); };
module.exports = new Proxy(refuse, { get: refuse, apply: refuse });`;
}
