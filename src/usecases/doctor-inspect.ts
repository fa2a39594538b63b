import { readdir } from 'node:fs/promises';
import { toCowherdError } from '../model/errors.ts';
import { mapLimited } from '../model/limited.ts';
import type { Placement } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { newestOf } from './coverage.ts';
import { swapfileIn, type Swapfile } from './doctor-swap.ts';
import { factFindings } from './doctor-volumes.ts';
import { finding, type Finding } from './finding.ts';
import type { RestorePoint } from './restore-points.ts';
import type { StoreSurvey, Survey } from './survey.ts';

const LOOKS_AT_ONCE = 4;
const MAX_ENTRIES = 200_000;
/** For all volumes together; what is not looked at by then is said. */
const BUDGET_MS = 10_000;

interface Look {
  readonly agent: string;
  readonly volume: Placement;
  readonly store: StoreSurvey['store'];
  /** Where its newest image is, or null. */
  readonly location: string | null;
}

type Deadline = () => number;

/** Looks into every volume that can be captured: its newest image where there is one, else a transient one. */
export async function inspectionFindings(
  context: Context,
  survey: Survey,
  swapfiles: readonly Swapfile[],
): Promise<readonly Finding[]> {
  const looks = looksAt(survey, swapfiles);
  const endsAt = context.ticks() + BUDGET_MS;
  const leftMs: Deadline = () =>
    context.interrupt.aborted ? 0 : Math.ceil(endsAt - context.ticks());
  const imaged = looks.filter(({ location }) => location !== null);
  const found = await mapLimited(imaged, LOOKS_AT_ONCE, async (look) => lookAtImage(look, leftMs));
  const rest = looks.filter(({ location }) => location === null);
  const byDataset = Map.groupBy(rest, ({ volume }) => `${volume.fsId}:${volume.dataset}`);
  const more = await mapLimited([...byDataset.values()], LOOKS_AT_ONCE, async (group) =>
    lookTogether(group, leftMs),
  );
  return [...found, ...more].flat();
}

function looksAt(
  { agents, points, stores }: Survey,
  swapfiles: readonly Swapfile[],
): readonly Look[] {
  return agents.flatMap((agent) =>
    agent.placements.flatMap((volume): readonly Look[] => {
      const store = stores.find((one) => one.store.fsId === volume.fsId)?.store;
      const busy = volume.reason !== null || swapfileIn(volume, swapfiles) !== null;
      const location = locationOf(volume, newestOf(agent, points));
      // Nothing is copied or unpacked only to be looked at.
      if (store?.capabilities.imagesAtHand !== true || busy) return [];
      return [{ agent: agent.name, volume, store, location }];
    }),
  );
}

function locationOf({ volume, fsId }: Placement, newest: RestorePoint | null): string | null {
  const recorded = newest?.manifest.volumes.find(({ name }) => name === volume);
  if (recorded?.fsId !== fsId) return null;
  return newest?.parts.get(fsId)?.locations[recorded.image] ?? null;
}

async function lookAtImage(look: Look, leftMs: Deadline): Promise<readonly Finding[]> {
  if (leftMs() <= 0) return [notReached(look)];
  try {
    return await look.store.readImages([look.location ?? ''], async ([root = '']) => [
      ...(await lookInto(look, root, leftMs())),
      ...(await emptied(look, root)),
    ]);
  } catch (error) {
    return [failed(look, error)];
  }
}

/**
 * `docker volume rm` removes what is in a volume before it fails with EBUSY where its data is a mount point; so does whoever
 * runs `rm -rf` in it. Only the names at the top are looked at.
 */
async function emptied(
  { agent, volume: { volume, mountpoint } }: Look,
  image: string,
): Promise<readonly Finding[]> {
  const live = await readdir(mountpoint).catch(() => null);
  if (live === null || live.length > 0 || (await readdir(image)).length === 0) return [];
  const message = `${volume} is empty, and was not when it was captured last: docker volume rm empties a volume on ZFS before it fails`;
  const mend = `cowherd rollback ${agent}`;
  return [finding('EMPTIED', 'warn', { agent, volume, message, mend })];
}

/** Volumes in one dataset share a transient image. */
async function lookTogether(looks: readonly Look[], leftMs: Deadline): Promise<readonly Finding[]> {
  const [first] = looks;
  if (first === undefined || leftMs() <= 0) return looks.map(notReached);
  const volumes = looks.map(({ volume }) => volume);
  try {
    const found = await first.store.withImages(volumes, async (roots) =>
      mapLimited([...looks.entries()], LOOKS_AT_ONCE, async ([index, look]) =>
        lookInto(look, roots[index] ?? '', leftMs()),
      ),
    );
    return found.flat();
  } catch (error) {
    return looks.map((look) => failed(look, error));
  }
}

async function lookInto(look: Look, root: string, timeoutMs: number): Promise<readonly Finding[]> {
  if (timeoutMs <= 0) return [notReached(look)];
  const { store, volume, agent } = look;
  try {
    const facts = await store.inspect({ volume, root, maxEntries: MAX_ENTRIES, timeoutMs });
    return factFindings({ agent, volume: volume.volume }, facts);
  } catch (error) {
    return [failed(look, error)];
  }
}

function notReached({ agent, volume: { volume } }: Look): Finding {
  const message = `${volume} was not looked into: the others took too long`;
  return finding('NOT_INSPECTED', 'info', {
    agent,
    volume,
    message,
    mend: `cowherd doctor ${agent}`,
  });
}

function failed({ agent, volume: { volume } }: Look, error: unknown): Finding {
  const { message, hint } = toCowherdError(error);
  const said = `${volume} could not be looked into: ${message}`;
  return finding('NOT_INSPECTED', 'warn', { agent, volume, message: said, mend: hint });
}
