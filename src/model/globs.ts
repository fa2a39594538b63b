/** True when a pattern of agent names has a wildcard (`*` any run, `?` one character). */
export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** True when the whole name matches the pattern; every other character stands for itself. */
export function matchesGlob(name: string, pattern: string): boolean {
  const source = pattern
    .replace(/\*+/g, '*')
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su').test(name);
}

/** True when any of the patterns matches. */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesGlob(name, pattern));
}
