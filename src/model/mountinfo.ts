/** One line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: number;
  /** `major:minor` of the mounted filesystem. */
  readonly device: string;
  /** The directory of the filesystem that is mounted, from the filesystem's own root. */
  readonly root: string;
  readonly mountPoint: string;
  readonly fstype: string;
  readonly source: string;
  readonly options: readonly string[];
  readonly superOptions: readonly string[];
}

/** Parses mountinfo text; lines that do not fit are left out. Octal escapes (`\040`) are undone. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ');
    const fields = left?.split(' ') ?? [];
    const [fstype, source, superOptions] = right?.split(' ') ?? [];
    const [id, , device, root, mountPoint, options] = fields;
    if (!id || !device || !root || !mountPoint || !options || !fstype) return [];
    return [
      {
        id: Number(id),
        device,
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        fstype,
        source: unescapeOctal(source ?? ''),
        options: options.split(','),
        superOptions: unescapeOctal(superOptions ?? '').split(','),
      },
    ];
  });
}

/** The mount that serves an absolute, resolved path: the longest mount point, the last mounted of equals. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  let best: Mount | null = null;
  for (const mount of mounts) {
    if (!covers(mount.mountPoint, path)) continue;
    if (best === null || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

/** A path as its filesystem names it, from the filesystem's root: `/@docker/volumes/x` for a mount of `/@docker`. */
export function pathInFilesystem(path: string, mount: Mount): string {
  const rest = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  const joined = `${mount.root === '/' ? '' : mount.root}${rest === '/' ? '' : rest}`;
  return joined === '' ? '/' : joined;
}

function covers(mountPoint: string, path: string): boolean {
  return mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
}

/** A path as the kernel's tables write it (`\040` for a blank), as it is. */
export function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
