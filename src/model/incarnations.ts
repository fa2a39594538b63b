import type { RecordedVolume } from './manifest.ts';

/** What of a restore point tells whose data it holds. */
export interface Incarnated {
  readonly id: string;
  readonly safety: boolean;
  /** Somebody has unpinned it. */
  readonly unpinned: boolean;
  readonly volumes: readonly Pick<RecordedVolume, 'name' | 'incarnation'>[];
}

/**
 * The last restore point of each former incarnation of an agent's volumes: of volumes that were removed, or removed and made
 * anew. None of an incarnation whose last one has been unpinned, and none that no manifest tells apart (listed paths). `points`
 * are newest first; `current` has of each volume there is now its incarnation, null where that is unknown: then it is taken
 * to be the one captured last.
 */
export function lastOfFormer(
  points: readonly Incarnated[],
  current: ReadonlyMap<string, string | null>,
): ReadonlySet<string> {
  const seen = new Map<string, Set<string>>();
  const last = new Set<string>();
  for (const { id, unpinned, volumes } of points.filter(({ safety }) => !safety)) {
    for (const { name, incarnation } of volumes) {
      const { directory } = incarnation;
      const before = seen.get(name) ?? new Set();
      if (directory === null || before.has(directory)) continue;
      const now = current.get(name);
      const isCurrent = now === null ? before.size === 0 : now === directory;
      if (!isCurrent && !unpinned) last.add(id);
      seen.set(name, before.add(directory));
    }
  }
  return last;
}
