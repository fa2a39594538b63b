import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/run.ts';
import { cacheDirectory, type MachineImage } from './image.ts';
import { owned } from './owned.ts';

export type Accelerator = 'kvm' | 'tcg';

/** QEMU's program for the image's architecture. */
export const QEMU = 'qemu-system-x86_64';

/** `kvm` where it can start the image's kernel, which /dev/kvm alone does not say; asked once a host. */
export async function accelerator(image: MachineImage): Promise<Accelerator> {
  const wanted = process.env['COWHERD_LAB_ACCEL'];
  if (wanted === 'kvm' || wanted === 'tcg') return wanted;
  if (!mayUseKvm()) return 'tcg';
  const host = `${release()} ${cpus()[0]?.model ?? ''}`;
  const memo = join(cacheDirectory(), 'accelerator.json');
  const known = existsSync(memo) ? (JSON.parse(readFileSync(memo, 'utf8')) as Memo) : undefined;
  if (known?.host === host) return known.accelerator;
  const answer = (await startsUnderKvm(image)) ? 'kvm' : 'tcg';
  writeFileSync(memo, JSON.stringify({ host, accelerator: answer } satisfies Memo));
  return answer;
}

interface Memo {
  readonly host: string;
  readonly accelerator: Accelerator;
}

function mayUseKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function startsUnderKvm(image: MachineImage): Promise<boolean> {
  const qemu = [QEMU, '-accel', 'kvm', '-cpu', 'host', '-m', '512', '-nodefaults', '-no-reboot'];
  const output = ['-display', 'none', '-serial', 'stdio'];
  const kernel = ['-kernel', image.kernel, '-append', 'console=ttyS0 earlyprintk=serial panic=-1'];
  const argv = owned(['prlimit', '--core=0', ...qemu, ...output, ...kernel]);
  const { stdout } = await run(argv, { timeoutMs: 8_000 });
  return stdout.includes('Linux version');
}
