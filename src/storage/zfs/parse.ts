/** Rows of a `-H` listing (zfs-list(8)): fields by tab, no header. */
export function rowsOf(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** `zpool list -Hp -o name,guid,health,readonly,altroot`. */
export interface Pool {
  readonly name: string;
  readonly guid: string;
  /** `ONLINE`, `DEGRADED`, `SUSPENDED` … */
  readonly health: string;
  readonly readonly: boolean;
  /** What is put before every mount point, or null. */
  readonly altroot: string | null;
}

export const POOL_COLUMNS = 'name,guid,health,readonly,altroot';

export function parsePools(text: string): readonly Pool[] {
  return rowsOf(text).flatMap(([name, guid, health, readonly, altroot]) =>
    name === undefined || guid === undefined || health === undefined
      ? []
      : [{ name, guid, health, readonly: readonly === 'on', altroot: given(altroot) }],
  );
}

/** What a dataset has in place, remembered on it while it is set aside: local properties as JSON. */
export const IN_PLACE = 'cowherd:in-place';

/** `zfs list -Hp -o` with `DATASET_COLUMNS`. */
export interface ZfsDataset {
  readonly name: string;
  /** With the pool's altroot; `none` and `legacy` are no paths. Null for a volume (zvol). */
  readonly mountpoint: string | null;
  readonly mounted: boolean;
  readonly guid: string;
  readonly type: string;
  /** `off`, or the cipher. */
  readonly encryption: string;
  /** False when its key is missing; true also for what is not encrypted. */
  readonly readable: boolean;
  readonly canmount: string | null;
  /** The snapshot it is a clone of, or null. */
  readonly origin: string | null;
  /** `IN_PLACE` as it is set, or null. */
  readonly remembered: string | null;
}

export const DATASET_COLUMNS = `name,mountpoint,mounted,guid,type,encryption,keystatus,canmount,origin,${IN_PLACE}`;

export function parseDatasets(text: string): readonly ZfsDataset[] {
  return rowsOf(text).flatMap((row) => {
    const [name, mountpoint, mounted, guid, type, encryption, keystatus, canmount, origin, kept] =
      row;
    if (name === undefined || guid === undefined || type === undefined) return [];
    return [
      {
        ...{ name, guid, type, mounted: mounted === 'yes', encryption: encryption ?? 'off' },
        ...{ mountpoint: given(mountpoint), readable: keystatus !== 'unavailable' },
        ...{ canmount: given(canmount), origin: given(origin), remembered: given(kept) },
      },
    ];
  });
}

/** A property of a dataset as `zfs get -Hp -o property,value,source` has it. */
export interface Property {
  readonly name: string;
  readonly value: string;
  /** `local`, `received`, `default`, `-`, `temporary`, `inherited from …`. */
  readonly source: string;
}

/** Lines that are no row are left out: the value of a user property may hold line breaks. */
export function parseProperties(text: string): readonly Property[] {
  return rowsOf(text).flatMap((row) => {
    const [name, value, source] = row;
    if (row.length !== 3 || name === undefined || value === undefined || source === undefined)
      return [];
    return [{ name, value, source }];
  });
}

/** The lowest of the versions that `zfs version` names (command and kernel module), as `2.1`; null when it names none. */
export function parseVersion(
  text: string,
): { readonly major: number; readonly minor: number } | null {
  const found = Array.from(text.matchAll(/^zfs-(?:kmod-)?(\d+)\.(\d+)/gm), ([, major, minor]) => ({
    major: Number(major),
    minor: Number(minor),
  }));
  return found.sort((a, b) => a.major - b.major || a.minor - b.minor)[0] ?? null;
}

function given(value: string | undefined): string | null {
  return value === undefined || value === '-' || value === '' ? null : value;
}
