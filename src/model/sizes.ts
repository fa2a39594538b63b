const UNITS: Readonly<Record<string, number>> = {
  TiB: 1024 ** 4,
  TB: 1000 ** 4,
  GiB: 1024 ** 3,
  GB: 1000 ** 3,
  MiB: 1024 ** 2,
  MB: 1000 ** 2,
  KiB: 1024,
  KB: 1000,
  B: 1,
};

/** A size as the config writes it: `10GiB`, `1.5GB`. */
export const SIZE = /^(\d+(?:\.\d+)?) ?(TiB|TB|GiB|GB|MiB|MB|KiB|KB|B)$/;

/** A part of a filesystem as the config writes it: `10%`. */
export const PERCENT = /^(\d{1,2}(?:\.\d+)?|100)%$/;

/** An amount of space: so many bytes, or a part of the whole in percent. */
export type Space =
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'percent'; readonly percent: number };

/** A size in whole bytes, or null when it is not one. `parseSize('10KiB') === 10240`. */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  const bytes = Math.round(Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Bytes as `parseSize` reads them, in the largest unit that divides them. */
export function formatSize(bytes: number): string {
  const unit =
    Object.keys(UNITS).find((name) => bytes > 0 && bytes % (UNITS[name] ?? 1) === 0) ?? 'B';
  return `${bytes / (UNITS[unit] ?? 1)}${unit}`;
}

/** A size or a percentage, or null when it is neither. */
export function parseSpace(text: string): Space | null {
  const percent = PERCENT.exec(text)?.[1];
  if (percent !== undefined) return { kind: 'percent', percent: Number(percent) };
  const bytes = parseSize(text);
  return bytes === null ? null : { kind: 'bytes', bytes };
}

/** Space as `parseSpace` reads it. */
export function formatSpace(space: Space): string {
  return space.kind === 'percent' ? `${space.percent}%` : formatSize(space.bytes);
}
