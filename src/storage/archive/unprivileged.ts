import type { Stage } from '../../exec/stages.ts';

/** Whom the kernel gives nothing: what reads an archive runs as it. */
export const NOBODY = 65_534;

const MEMORY_BYTES = 2 * 1024 ** 3;

const CAPLESS = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
const NOTHING = ['--clear-groups', ...CAPLESS, '--no-new-privs', '--pdeathsig', 'KILL'];

/** As arguments of setpriv(1): nobody, without any capability. */
export const AS_NOBODY = ['--reuid', String(NOBODY), '--regid', String(NOBODY), ...NOTHING];

/** A stage that can do nothing but read its stdin and write its stdout: an archive may be made to harm what reads it. */
export function unprivileged(tool: string, args: readonly string[]): Stage {
  const limits = [`--as=${String(MEMORY_BYTES)}`, '--core=0', '--fsize=0'];
  return {
    tool,
    file: 'setpriv',
    args: [...AS_NOBODY, 'prlimit', ...limits, tool, ...args],
    cwd: '/',
  };
}

/** Such a stage that passes on no more than so many bytes; dd(1), since head(1) does it by 8 KiB. */
export function atMost(bytes: number): Stage {
  const flags = 'iflag=fullblock,count_bytes';
  return unprivileged('dd', ['bs=128K', `count=${String(bytes)}`, flags, 'status=none']);
}
