import type { Observation } from '../model/agent.ts';
import { toCowherdError } from '../model/errors.ts';
import { matchesAny } from '../model/globs.ts';
import type { StoredSnapshot } from '../model/manifest.ts';
import type { DamagedRecord, TransactionRecord } from '../model/transaction.ts';
import type { Concern } from '../storage/concern.ts';
import type { DatasetPlace, Store } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { finding, type Finding } from './finding.ts';
import { observeHost, storeIds, type Host, type PlacedAgent } from './host.ts';
import { nesting } from './nesting.ts';
import { futureLast, restorePointsIn, type RestorePoint } from './restore-points.ts';
import { selectPlaced } from './selection.ts';

/** What a filesystem's store says; a part that could not be read is empty, and a finding says so. */
export interface StoreSurvey {
  readonly store: Store;
  readonly datasets: readonly DatasetPlace[];
  readonly space: { readonly freeBytes: number; readonly sizeBytes: number } | null;
  readonly concerns: readonly Concern[];
  readonly leftovers: readonly string[];
  readonly records: readonly TransactionRecord[];
  readonly stored: readonly StoredSnapshot[];
  /** False where restore points could not be listed. */
  readonly isListed: boolean;
  readonly damaged: readonly string[];
  readonly damagedRecords: readonly DamagedRecord[];
}

/** The host as far as it can be seen; what could not be seen is among the findings. */
export interface Survey {
  readonly observation: Observation;
  /** The chosen ones, with nested datasets. */
  readonly agents: readonly PlacedAgent[];
  readonly stores: readonly StoreSurvey[];
  /** Of all agents, newest first, those from the future last. */
  readonly points: readonly RestorePoint[];
  /** Filesystems whose restore points could not be listed. */
  readonly unread: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

const NOTHING: Host = {
  agents: [],
  observation: { agents: [], containers: [], dataRoot: null, ambiguous: [], warnings: [] },
  exposure: { directories: new Set(), stores: new Map() },
};

/** Looks at Docker and every store, takes no lock. Throws AGENT_UNKNOWN and AGENT_AMBIGUOUS alone: the rest is a finding. */
export async function surveyHost(context: Context, patterns: readonly string[]): Promise<Survey> {
  const findings: Finding[] = [];
  const host = await seenHost(context, findings);
  const seen = findings.length === 0;
  const selected = seen
    ? selectPlaced(context, host, patterns)
    : host.agents.filter(({ name }) => patterns.length === 0 || matchesAny(name, patterns));
  const ids = await storeIds(context, host).catch(() => []);
  const surveys = await Promise.all(ids.map(async (id) => surveyStore(context, id, findings)));
  const stores = surveys.filter((survey) => survey !== null);
  return {
    observation: host.observation,
    agents: await nested(context, selected, stores),
    stores,
    unread: new Set(
      ids.filter((id) => !stores.some((one) => one.store.fsId === id && one.isListed)),
    ),
    points: futureLast(await pointsIn(stores, host), context.now()),
    findings,
  };
}

/** Without Docker what is left are the listed paths. */
async function seenHost(context: Context, findings: Finding[]): Promise<Host> {
  try {
    return await observeHost(context);
  } catch (error) {
    const { code, message, hint } = toCowherdError(error);
    const known = code === 'DOCKER_UNREACHABLE' ? code : 'HOST_UNREADABLE';
    findings.push(finding(known, 'error', { message, mend: hint }));
    const alone = { ...context, docker: () => Promise.resolve(null) };
    return observeHost(alone).catch(() => NOTHING);
  }
}

async function surveyStore(
  context: Context,
  fsId: string,
  findings: Finding[],
): Promise<StoreSurvey | null> {
  const attempt = attempting(fsId, findings);
  const store = await attempt(async () => context.openStore(fsId), null);
  if (store === null) return null;
  const [datasets, space, concerns, leftovers, records, points, damagedRecords] = await Promise.all(
    [
      attempt(async () => store.datasets(), []),
      attempt(async () => store.space(), null),
      attempt(async () => store.concerns(), []),
      attempt(async () => store.leftovers(), []),
      attempt(async () => store.records(), []),
      surveyPoints(store, attempt),
      attempt(async () => store.damagedRecords(), []),
    ],
  );
  return { store, datasets, space, concerns, leftovers, records, ...points, damagedRecords };
}

/** What is listed, and ids of what cannot be: no manifest that can be read is read twice. */
async function surveyPoints(
  store: Store,
  attempt: ReturnType<typeof attempting>,
): Promise<Pick<StoreSurvey, 'stored' | 'isListed' | 'damaged'>> {
  const listed = await attempt(async () => store.list(), null);
  const stored = listed ?? [];
  const whole = new Set(stored.map(({ manifest }) => manifest.id));
  const damaged = await attempt(async () => store.damaged(whole), []);
  return { stored, damaged, isListed: listed !== null };
}

/** Reads what can be read; what cannot becomes a finding. */
function attempting(fsId: string, findings: Finding[]) {
  return async <T, E>(work: () => Promise<T>, otherwise: E): Promise<T | E> => {
    try {
      return await work();
    } catch (error) {
      const { message, hint, details } = toCowherdError(error);
      const said = `the store on filesystem ${fsId} could not be read: ${message}`;
      const code = details['hostile'] === true ? 'HOSTILE_STORE' : 'STORE_UNREADABLE';
      if (findings.every((one) => one.message !== said))
        findings.push(finding(code, 'error', { message: said, mend: hint }));
      return otherwise;
    }
  };
}

async function nested(
  context: Context,
  agents: readonly PlacedAgent[],
  stores: readonly StoreSurvey[],
): Promise<readonly PlacedAgent[]> {
  const known = new Map(
    stores.map(({ store, datasets }) => [
      store.fsId,
      { ...store, datasets: () => Promise.resolve(datasets) },
    ]),
  );
  const openStore = async (id: string): Promise<Store> => known.get(id) ?? context.openStore(id);
  // An agent on a filesystem that cannot be read is shown without: a finding says that.
  const nest = nesting({ ...context, openStore });
  return Promise.all(agents.map(async (agent) => nest(agent).catch(() => agent)));
}

async function pointsIn(
  stores: readonly StoreSurvey[],
  host: Host,
): Promise<readonly RestorePoint[]> {
  const lists = stores.map(({ store, stored }) => ({
    fsId: store.fsId,
    list: () => Promise.resolve(stored),
  }));
  return restorePointsIn(lists, host.agents);
}
