import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from '../lab/run.ts';
import { CHECKOUT } from './image.ts';
import { owned } from './owned.ts';

/** True when COWHERD_ZFS=host: commands run here, on a host that has OpenZFS, instead of in a machine. */
export function isHostChosen(): boolean {
  const chosen = process.env['COWHERD_ZFS'] ?? '';
  if (chosen !== '' && chosen !== 'host') throw new Error(`COWHERD_ZFS: ${chosen} is not "host"`);
  return chosen === 'host';
}

/** Runs argv in the checkout on this host; throws where it has no OpenZFS. */
export async function runOnHost(argv: readonly string[]): Promise<number> {
  const zfs = await run(['zfs', 'list', '-H']).catch(() => undefined);
  if (zfs?.exitCode !== 0 || !existsSync('/sys/module/zfs')) {
    const said = zfs?.stderr.trim() ?? 'no zfs command';
    throw new Error(`COWHERD_ZFS=host, and there is no OpenZFS on this host: ${said}`);
  }
  const path = [join(CHECKOUT, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
  const [file = '', ...args] = owned(argv);
  const env = { ...process.env, PATH: path };
  const child = spawn(file, args, { cwd: CHECKOUT, env, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      resolve(code ?? 255);
    });
  });
}
