import { posix } from 'node:path';
import { datasetsNamed } from './datasets.ts';
import { parseProperties } from './parse.ts';
import { zfs } from './tool.ts';

/** Where a new dataset lies and is mounted is its own. */
const OWN = /^(mountpoint|canmount|cowherd:.*)$/;

/** `Store.inherited`: what is set on the parent of adopted volumes or above it, user properties too (zfsprops(7)). */
export async function inheritedBelow(parent: string): Promise<readonly string[]> {
  const around = await nearest(parent);
  const sources = ['-s', 'local,received,inherited'];
  const argv = ['get', '-H', ...sources, '-o', 'property,value,source', 'all', around];
  return parseProperties(await zfs(argv))
    .filter(({ name }) => !OWN.test(name) && isInheritable(name))
    .map(({ name, value, source }) => {
      const from = source.startsWith('inherited from ')
        ? source.slice('inherited from '.length)
        : around;
      return `${name}=${value} (${from})`;
    });
}

/** Limits and reservations are for their dataset alone. */
function isInheritable(name: string): boolean {
  return !/quota|reservation|_limit$/.test(name);
}

/** The parent, or what exists above it. */
async function nearest(dataset: string): Promise<string> {
  const known = await datasetsNamed([dataset]);
  return known.length > 0 || !dataset.includes('/') ? dataset : nearest(posix.dirname(dataset));
}
