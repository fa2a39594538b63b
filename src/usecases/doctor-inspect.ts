import { toCowherdError } from '../model/errors.ts';
import { mapLimited } from '../quiesce/limited.ts';
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
  /** Null until there is one. */
  readonly image: string | null;
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
  const imaged = looks.filter(({ image }) => image !== null);
  const found = [await lookAll(imaged, leftMs)];
  const rest = looks.filter(({ image }) => image === null);
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
      const image = imageOf(volume, newestOf(agent, points));
      return store === undefined || busy ? [] : [{ agent: agent.name, volume, store, image }];
    }),
  );
}

function imageOf({ volume, fsId }: Placement, newest: RestorePoint | null): string | null {
  const recorded = newest?.manifest.volumes.find(({ name }) => name === volume);
  const directory = newest?.directories.get(fsId);
  if (recorded?.fsId !== fsId || directory === undefined) return null;
  return `${directory}/${recorded.image}`;
}

async function lookAll(looks: readonly Look[], leftMs: Deadline): Promise<readonly Finding[]> {
  return (await mapLimited(looks, LOOKS_AT_ONCE, async (look) => lookInto(look, leftMs()))).flat();
}

/** Volumes in one dataset share a transient image. */
async function lookTogether(looks: readonly Look[], leftMs: Deadline): Promise<readonly Finding[]> {
  const [first] = looks;
  if (first === undefined || leftMs() <= 0) return looks.map(notReached);
  const volumes = looks.map(({ volume }) => volume);
  try {
    return await first.store.withImages(volumes, async (roots) =>
      lookAll(
        looks.map((look, index) => ({ ...look, image: roots[index] ?? null })),
        leftMs,
      ),
    );
  } catch (error) {
    return looks.map((look) => failed(look, error));
  }
}

async function lookInto(look: Look, timeoutMs: number): Promise<readonly Finding[]> {
  if (timeoutMs <= 0) return [notReached(look)];
  const { store, volume, image, agent } = look;
  try {
    const facts = await store.inspect({ volume, image, maxEntries: MAX_ENTRIES, timeoutMs });
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
