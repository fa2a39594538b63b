import type { Context } from './context.ts';
import type { Freed, PruneLine } from './prune-document.ts';
import type { RestorePoint } from './restore-points.ts';

/** What destroying some of these restore points would free, on each filesystem where they have a part. */
export async function freedBy(
  { openStore }: Pick<Context, 'openStore'>,
  points: readonly Pick<RestorePoint, 'manifest' | 'parts'>[],
  going: readonly Pick<PruneLine, 'id'>[],
): Promise<readonly Freed[]> {
  const ids = new Set(going.map(({ id }) => id));
  const parts = points
    .filter(({ manifest }) => ids.has(manifest.id))
    .flatMap(({ manifest: { id }, parts: own }) =>
      [...own.keys()].map((filesystem) => ({ filesystem, id })),
    );
  const filesystems = [...Map.groupBy(parts, ({ filesystem }) => filesystem)];
  return Promise.all(
    filesystems.map(async ([filesystem, here]) => {
      const asked = openStore(filesystem).then(async (store) =>
        store.freed(here.map(({ id }) => id)),
      );
      return { filesystem, bytes: await asked.catch(() => null) };
    }),
  );
}
