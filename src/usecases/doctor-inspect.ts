import { toCowherdError } from '../model/errors.ts';
import { mapLimited } from '../quiesce/limited.ts';
import type { Placement, VolumeFacts } from '../storage/driver.ts';
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
  readonly image: string | null;
}

/** Looks into every volume that can be captured: its newest image where there is one, else a transient one. */
export async function inspectionFindings(
  context: Context,
  { agents, points, stores }: Survey,
  swapfiles: readonly Swapfile[],
): Promise<readonly Finding[]> {
  const looks = agents.flatMap((agent) =>
    agent.placements.flatMap((volume): readonly Look[] => {
      const store = stores.find((one) => one.store.fsId === volume.fsId)?.store;
      const busy = volume.reason !== null || swapfileIn(volume, swapfiles) !== null;
      const image = imageOf(volume, newestOf(agent, points));
      return store === undefined || busy ? [] : [{ agent: agent.name, volume, store, image }];
    }),
  );
  const endsAt = context.ticks() + BUDGET_MS;
  const found = await mapLimited(looks, LOOKS_AT_ONCE, async (look) =>
    lookInto(look, context.interrupt.aborted ? 0 : Math.ceil(endsAt - context.ticks())),
  );
  return found.flat();
}

function imageOf({ volume, fsId }: Placement, newest: RestorePoint | null): string | null {
  const recorded = newest?.manifest.volumes.find(({ name }) => name === volume);
  const directory = newest?.directories.get(fsId);
  if (recorded?.fsId !== fsId || directory === undefined) return null;
  return `${directory}/${recorded.image}`;
}

async function lookInto(look: Look, timeoutMs: number): Promise<readonly Finding[]> {
  const about = { agent: look.agent, volume: look.volume.volume };
  if (timeoutMs <= 0) {
    const message = `${about.volume} was not looked into: the others took too long`;
    return [
      finding('NOT_INSPECTED', 'info', {
        ...about,
        message,
        mend: `cowherd doctor ${about.agent}`,
      }),
    ];
  }
  try {
    return factFindings(about, await factsOf(look, timeoutMs));
  } catch (error) {
    const { message, hint } = toCowherdError(error);
    const said = `${about.volume} could not be looked into: ${message}`;
    return [finding('NOT_INSPECTED', 'warn', { ...about, message: said, mend: hint })];
  }
}

async function factsOf({ store, volume, image }: Look, timeoutMs: number): Promise<VolumeFacts> {
  return store.inspect({ volume, image, maxEntries: MAX_ENTRIES, timeoutMs });
}
