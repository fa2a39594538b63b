/**
 * Items that share a key, directly or through others, in one group. Groups and items keep the order given.
 * `connected([{k:['a']},{k:['b']},{k:['a','b']}], x => x.k)` is one group of three.
 */
export function connected<T>(
  items: readonly T[],
  keysOf: (item: T) => readonly string[],
): readonly (readonly T[])[] {
  let groups: { readonly keys: ReadonlySet<string>; readonly items: readonly T[] }[] = [];
  for (const item of items) {
    const keys = new Set(keysOf(item));
    const touching = groups.filter((group) => [...keys].some((key) => group.keys.has(key)));
    const merged = {
      keys: new Set([...touching.flatMap((group) => [...group.keys]), ...keys]),
      items: [...touching.flatMap((group) => group.items), item],
    };
    groups = [...groups.filter((group) => !touching.includes(group)), merged];
  }
  const position = (item: T | undefined): number => (item === undefined ? -1 : items.indexOf(item));
  return groups
    .map((group) => [...group.items].sort((a, b) => position(a) - position(b)))
    .sort((a, b) => position(a[0]) - position(b[0]));
}
