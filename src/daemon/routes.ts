import { CowherdError } from '../model/errors.ts';
import { isGlob } from '../model/globs.ts';
import type { Run } from '../model/run.ts';
import { readRuns } from '../state/history.ts';
import { listAgents, type AgentsDocument } from '../usecases/agents.ts';
import type { Context } from '../usecases/context.ts';
import { listSnapshots, type SnapshotsDocument } from '../usecases/snapshots.ts';
import { status, type StatusDocument } from '../usecases/status.ts';
import { parseQuery, type DocumentName, type QueryName } from './api-schemas.ts';
import type { Metrics } from './metrics.ts';
import { openApi } from './openapi.ts';
import { pageOf, type Page, type Place } from './page.ts';
import { createGate, createSharing, type Share } from './sharing.ts';

/** Expensive documents that are computed side by side. */
const AT_ONCE = 4;

/** What the routes answer from. */
export interface Served {
  readonly context: () => Promise<Context>;
  readonly version: string;
  readonly metrics: Metrics;
  readonly documents: Documents;
}

interface Documents {
  readonly status: Share<StatusDocument>;
  readonly agents: Share<AgentsDocument>;
  readonly snapshots: Share<SnapshotsDocument>;
  readonly runs: Share<readonly Run[]>;
}

/** What was asked of a route: both as they came. */
export interface Asked {
  readonly params: unknown;
  readonly query: unknown;
}

export interface Route {
  /** As OpenAPI and fastify have it: `{…}` there, `:…` here. */
  readonly path: string;
  readonly summary: string;
  readonly query: QueryName;
  /** `none`: 204. */
  readonly answers: DocumentName | 'text' | 'openapi' | 'none';
  /** The document, or the text. */
  readonly answer: (served: Served, asked: Asked) => Promise<unknown>;
}

/** Documents that are shared by those who ask for the same at once. */
export function createDocuments(ticks: () => number): Documents {
  const options = { gate: createGate(AT_ONCE), ticks };
  return {
    status: createSharing(options),
    agents: createSharing(options),
    snapshots: createSharing(options),
    runs: createSharing(options),
  };
}

/** Everything that can be read. */
export const ROUTES: readonly Route[] = [
  {
    path: '/healthz',
    summary: 'The API answers.',
    query: 'none',
    answers: 'none',
    answer: () => Promise.resolve(undefined),
  },
  {
    path: '/v1/status',
    summary: 'As cowherd status --json.',
    query: 'none',
    answers: 'Status',
    answer: readStatus,
  },
  {
    path: '/v1/agents',
    summary: 'As cowherd agents --json.',
    query: 'none',
    answers: 'Agents',
    answer: async ({ context, documents }) =>
      documents.agents('', async () => listAgents(await context(), [])),
  },
  {
    path: '/v1/agents/:name',
    summary: 'As cowherd agents NAME --json: a list of one.',
    query: 'none',
    answers: 'Agents',
    answer: readAgent,
  },
  {
    path: '/v1/snapshots',
    summary: 'As cowherd snapshots --json, in pages; newest first.',
    query: 'snapshots',
    answers: 'Snapshots',
    answer: readSnapshots,
  },
  {
    path: '/v1/runs',
    summary: 'What ran, in pages; newest first.',
    query: 'page',
    answers: 'Runs',
    answer: async (served, { query }) =>
      runsDocument(pageOf(await runsOf(served), placeOfRun, parseQuery('page', query))),
  },
  {
    path: '/v1/runs/:id',
    summary: 'One run: a list of one.',
    query: 'none',
    answers: 'Runs',
    answer: readRun,
  },
  {
    path: '/metrics',
    summary: 'For Prometheus.',
    query: 'none',
    answers: 'text',
    answer: async (served) =>
      served.metrics.text({
        status: await readStatus(served),
        runs: await runsOf(served),
        version: served.version,
      }),
  },
  {
    path: '/openapi.json',
    summary: 'This description.',
    query: 'none',
    answers: 'openapi',
    answer: ({ version }) => Promise.resolve(openApi(ROUTES, version)),
  },
];

async function readStatus({ context, documents }: Served): Promise<StatusDocument> {
  return documents.status('', async () => status(await context()));
}

async function readAgent(
  { context, documents }: Served,
  { params }: Asked,
): Promise<AgentsDocument> {
  const name = param(params, 'name');
  if (isGlob(name))
    throw new CowherdError('AGENT_UNKNOWN', `there is no agent ${name}`, {
      hint: 'give one exact name; GET /v1/agents lists them',
    });
  return documents.agents(name, async () => listAgents(await context(), [name]));
}

async function readSnapshots(
  { context, documents }: Served,
  { query }: Asked,
): Promise<SnapshotsDocument & Pick<Page<unknown>, 'nextCursor'>> {
  const { agent, ...page } = parseQuery('snapshots', query);
  const { snapshots, ...rest } = await documents.snapshots(agent ?? '', async () =>
    listSnapshots(await context(), agent === undefined ? [] : [agent]),
  );
  const placeOf = ({ createdAt, id }: (typeof snapshots)[number]): Place => ({ at: createdAt, id });
  const { items, nextCursor } = pageOf(snapshots, placeOf, page);
  return { snapshots: items, ...rest, nextCursor };
}

async function readRun(served: Served, { params }: Asked): Promise<RunsDocument> {
  const id = param(params, 'id');
  const run = (await runsOf(served)).find((one) => one.id === id);
  if (run === undefined)
    throw new CowherdError('RUN_UNKNOWN', `there is no run ${id}`, {
      hint: 'GET /v1/runs lists them; the oldest are forgotten',
    });
  return runsDocument({ items: [run], nextCursor: null });
}

interface RunsDocument {
  readonly runs: readonly Run[];
  readonly nextCursor: string | null;
}

function runsDocument({ items, nextCursor }: Page<Run>): RunsDocument {
  return { runs: items, nextCursor };
}

async function runsOf({ context, documents }: Served): Promise<readonly Run[]> {
  return documents.runs('', async () => readRuns((await context()).config));
}

function placeOfRun({ startedAt, id }: Run): Place {
  return { at: startedAt, id };
}

function param(params: unknown, name: string): string {
  return String((params as Readonly<Record<string, unknown>>)[name]);
}
