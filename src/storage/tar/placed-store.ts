import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Store } from '../driver.ts';
import type { Layout } from '../files/layout.ts';
import { expectAll, openPlace, placesOf } from './places.ts';

export interface PlacedOptions {
  readonly layout: Layout;
  /** A store with its restore points and archives elsewhere, all else the same. */
  readonly storeOf: (layout: Layout) => Store;
  /** Where new restore points go; null: into the filesystem's own store. */
  readonly wanted: string | null;
  /** Held while a place is made. */
  readonly lock: string;
}

type Points = Pick<Store, 'list' | 'damaged' | 'has' | 'setPinned' | 'destroy' | 'freed'>;
type Rest = Pick<Store, 'capture' | 'space' | 'leftovers' | 'collectLeftovers'>;

/**
 * A filesystem's store whose restore points may be in other places, on other disks too: what was ever put in one is listed from there. Throws IO_ERROR
 * from what asks for restore points while a place is not there; transactions go on.
 */
export function placedStore(own: Store, options: PlacedOptions): Store {
  return { ...own, ...pointsOf(own, options), ...restOf(own, options) };
}

function pointsOf(own: Store, { layout, storeOf, wanted }: PlacedOptions): Points {
  const all = async (): Promise<readonly Store[]> => {
    const places = await placesOf(layout, wanted);
    expectAll(layout, places);
    return [own, ...places.there.map(storeOf)];
  };
  const holding = async (id: string): Promise<Store> => {
    for (const store of await all()) if (await store.has(id)) return store;
    return own;
  };
  return {
    list: async (isWanted) => each(await all(), async (store) => store.list(isWanted)),
    damaged: async (whole) => each(await all(), async (store) => store.damaged(whole)),
    has: async (id) => (await holding(id)).has(id),
    setPinned: async (id, pinned) => (await holding(id)).setPinned(id, pinned),
    destroy: async (id) => (await holding(id)).destroy(id),
    freed: async (ids) => {
      const bytes = await each(await all(), async (store) => [await store.freed(ids)]);
      return bytes.reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0);
    },
  };
}

async function each<T>(
  stores: readonly Store[],
  work: (store: Store) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  return (await Promise.all(stores.map(work))).flat();
}

function restOf(own: Store, { layout, storeOf, wanted, lock }: PlacedOptions): Rest {
  const seen = async (): Promise<readonly Store[]> => {
    const { there } = await placesOf(layout, wanted);
    return [own, ...there.map(storeOf)];
  };
  return {
    capture: async (sets, signal) => {
      if (wanted === null) return own.capture(sets, signal);
      const volumes = sets.flatMap((set) => set.volumes);
      const place = await openPlace(layout, { path: wanted, lock, volumes });
      return storeOf(place).capture(sets, signal);
    },
    space: async () => tightest(own, await nextPlace(layout, wanted)),
    leftovers: async () => [
      ...new Set(await each(await seen(), async (store) => store.leftovers())),
    ],
    collectLeftovers: async () => {
      const removed: string[] = [];
      for (const store of await seen()) removed.push(...(await store.collectLeftovers()));
      return removed;
    },
  };
}

async function nextPlace(layout: Layout, wanted: string | null): Promise<Layout | null> {
  if (wanted === null) return null;
  const { there } = await placesOf(layout, wanted);
  return there.find(({ archives }) => dirname(archives) === wanted) ?? null;
}

type Space = Awaited<ReturnType<Store['space']>>;

/** Of the filesystem and that of new archives the one of which a smaller part is free. */
async function tightest(own: Store, place: Layout | null): Promise<Space> {
  const space = await own.space();
  if (place === null) return space;
  const { bavail, blocks, bsize } = await statfs(dirname(place.archives));
  const there = { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  return shareOf(there) < shareOf(space) ? there : space;
}

function shareOf({ freeBytes, sizeBytes }: Space): number {
  return freeBytes / sizeBytes;
}
