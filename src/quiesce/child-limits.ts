/** What a fenced child may use of the host; the kernel holds it to that (setrlimit(2)). */
export interface ChildLimits {
  /** Of address space. */
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  /** No file may grow beyond; a file that is larger already is not cut. */
  readonly fileBytes: number;
}

const GIB = 1024 ** 3;

/** Memory is for SQLite's page cache and the index of a log of some GiB (32 KiB for 16 MiB of it). */
export const CHILD_LIMITS: ChildLimits = {
  memoryBytes: GIB / 2,
  cpuSeconds: 20,
  fileBytes: 64 * GIB,
};

/** A database may grow by its log and to several times what it was when it was seen last, but not to the end of the disk. */
export function fileLimit(seen: { readonly sizeBytes: number; readonly walBytes: number }): number {
  const { sizeBytes, walBytes } = seen;
  return sizeBytes === 0 ? CHILD_LIMITS.fileBytes : GIB + 4 * (sizeBytes + walBytes);
}

/** As arguments of prlimit(1): one process, few descriptors, no core. */
export function limitArguments(limits: ChildLimits): readonly string[] {
  const { memoryBytes, cpuSeconds, fileBytes } = limits;
  const own = [`--as=${String(memoryBytes)}`, `--cpu=${String(cpuSeconds)}`];
  return [...own, `--fsize=${String(fileBytes)}`, '--core=0', '--nofile=32', '--nproc=1'];
}
