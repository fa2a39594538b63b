import type { Context } from './context.ts';
import type { RestorePoint, Unread } from './restore-points.ts';

/**
 * Destroys a restore point on every filesystem; the home copy goes last, since without it the rest would be listed nowhere. So
 * nothing goes while a filesystem that holds a part of it cannot be read: throws why.
 */
export async function destroyParts(
  context: Context,
  { manifest, parts }: RestorePoint,
  unread: readonly Unread[],
): Promise<void> {
  const hidden = unread.find(({ fsId }) => manifest.volumes.some((volume) => volume.fsId === fsId));
  if (hidden !== undefined) throw hidden.error;
  const homeLast = [...parts.keys()].sort(
    (a, b) => Number(a === manifest.home) - Number(b === manifest.home),
  );
  for (const fsId of homeLast) await (await context.openStore(fsId)).destroy(manifest.id);
}
