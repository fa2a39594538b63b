import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../lab/run.ts';
import { CHECKOUT } from './image.ts';
import type { MachinePaths } from './record.ts';

const LEFT_OUT = ['./.git', './vagrant/.vagrant'];

/** Writes the checkout, node_modules included, to the disk that the machine mounts. */
export async function putCheckout(paths: MachinePaths): Promise<void> {
  const staging = join(paths.directory, 'staging');
  mkdirSync(staging);
  await must([
    'bash',
    '-o',
    'pipefail',
    '-c',
    `${packing(LEFT_OUT)} | tar -x -C "$1"`,
    '-',
    staging,
  ]);
  const options = ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'lazy_itable_init=1'];
  await must(['mke2fs', ...options, '-d', staging, paths.checkout, '4G']);
  rmSync(staging, { recursive: true });
}

/** A command of bash: the checkout as it is now replaces the one in the machine; node_modules stay there. */
export function syncCommand(ssh: readonly string[]): string[] {
  const clear = `find . -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +`;
  const unpack = `cd /srv/cowherd && ${clear} && tar -x --warning=no-timestamp`;
  const pipeline = `${packing([...LEFT_OUT, './node_modules'])} | "$@" ${JSON.stringify(unpack)}`;
  return ['bash', '-o', 'pipefail', '-c', pipeline, '-', ...ssh];
}

function packing(leftOut: readonly string[]): string {
  const excludes = leftOut.map((path) => `--exclude=${path}`).join(' ');
  return `tar -c -C '${CHECKOUT.replaceAll("'", `'\\''`)}' ${excludes} .`;
}
