import { copyTree } from '../../../src/storage/tree/copy-tree.ts';

// SOURCE TARGET, with --expose-gc: copies a tree, and prints how many MiB more than before were in use at most.

const EVERY_MS = 200;
const MIB = 1024 ** 2;

const [source = '', target = ''] = process.argv.slice(2);
const before = inUse();
let most = before;
const timer = setInterval(() => {
  most = Math.max(most, inUse());
}, EVERY_MS);
await copyTree(source, target, { sharing: 'shared' });
clearInterval(timer);
console.log(Math.round((most - before) / MIB));

/** Not what is only waiting to be collected. */
function inUse(): number {
  if (globalThis.gc === undefined) throw new Error('it needs --expose-gc');
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
