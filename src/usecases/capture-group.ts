import type { Docker } from '../docker/docker.ts';
import { policyFor } from '../config/policy.ts';
import { isAlive } from '../model/agent.ts';
import { toCowherdError } from '../model/errors.ts';
import { nextSnapshotId } from '../model/snapshot-id.ts';
import type { Guard } from '../quiesce/guard.ts';
import type { Turns } from '../state/turns.ts';
import { mapLimited } from '../model/limited.ts';
import type { Capture, CaptureSet } from '../storage/driver.ts';
import type { Context } from './context.ts';
import { writersOf } from './locking.ts';
import { hostWrites } from './moving.ts';
import { publish, type Published } from './publish.ts';
import { takeInBracket, type Taken } from './freeze-group.ts';
import type { Candidate } from './snapshot-plan.ts';
import type { SqliteRow } from '../model/snapshot.ts';

/** Agents whose images are read out and published at one time. */
const PUBLISHED_AT_ONCE = 4;

/** One agent of a bracket, quiesced as far as that goes without freezing. */
export interface Member {
  readonly candidate: Candidate;
  readonly rows: readonly SqliteRow[];
  readonly tags: Readonly<Record<string, string>>;
  readonly safety: boolean;
  readonly pinned: boolean;
}

export interface GroupRequest {
  readonly members: readonly Member[];
  readonly docker: Docker | null;
  readonly guard: Guard;
  /** Brackets of one run are taken by turns. */
  readonly brackets: Turns;
  /** After the thaw, before images are read out and published: `post` hooks. */
  readonly afterThaw: () => Promise<void>;
}

/**
 * Captures the agents in one bracket and publishes a restore point of each, in their order. One that cannot be published
 * fails alone; what fails before that fails all, and leaves nothing. Throws as `bracket` does, NO_SPACE, TOOL_FAILED.
 */
export async function captureGroup(
  context: Context,
  request: GroupRequest,
): Promise<readonly PromiseSettledResult<Published>[]> {
  const captures = new Map<string, Capture>();
  try {
    await beginCaptures(context, request.members, captures);
    const taken = await takeInBracket(context, request, captures);
    return await mapLimited(request.members, PUBLISHED_AT_ONCE, async (member) => {
      const published = publishMember(context, { request, member, captures, taken });
      const [result] = await Promise.allSettled([published]);
      return result;
    });
  } finally {
    for (const capture of captures.values()) await tidy(context, capture, request.members);
  }
}

/** What cannot be removed now is a leftover for the next run, and no reason to call a published restore point a failure. */
async function tidy(context: Context, capture: Capture, members: readonly Member[]): Promise<void> {
  const discards = members.map(async ({ candidate }) => capture.discard(candidate.agent.name));
  const settled = await Promise.allSettled([...discards, capture.close()]);
  for (const result of settled) {
    if (result.status === 'rejected')
      context.tell(`warning: ${toCowherdError(result.reason).message}`);
  }
}

async function beginCaptures(
  context: Context,
  members: readonly Member[],
  captures: Map<string, Capture>,
): Promise<void> {
  const fsIds = new Set(
    members.flatMap(({ candidate }) => candidate.volumes.map(({ fsId }) => fsId)),
  );
  for (const fsId of [...fsIds].sort()) {
    const store = await context.openStore(fsId);
    const sets = members.map(({ candidate }) => setOn(candidate, fsId));
    captures.set(fsId, await store.capture(sets, context.interrupt));
  }
}

function setOn(candidate: Candidate, fsId: string): CaptureSet {
  return {
    key: candidate.agent.name,
    volumes: candidate.volumes.filter((volume) => volume.fsId === fsId),
  };
}

interface PublishRequest {
  readonly request: GroupRequest;
  readonly member: Member;
  readonly captures: ReadonlyMap<string, Capture>;
  readonly taken: Taken;
}

async function publishMember(
  context: Context,
  { request, member, captures, taken }: PublishRequest,
): Promise<Published> {
  const { candidate, rows, tags, safety, pinned } = member;
  const { agent } = candidate;
  const { quiesce } = policyFor(context.config, agent.name);
  const alive = writersOf(agent, taken.containers).filter(isAlive);
  const hostFree = !(await hostWrites(candidate));
  const atRest = alive.every(({ state }) => state === 'paused') && hostFree;
  const frozen = taken.frozen && quiesce.freeze !== 'none' && alive.length > 0;
  const own = new Map(
    [...captures].filter(([fsId]) => candidate.volumes.some((volume) => volume.fsId === fsId)),
  );
  return publish(context, request.docker, {
    id: await freeId(context, agent.name, taken.createdAt, [...own.keys()]),
    candidate,
    createdAt: taken.createdAt,
    still: !taken.moving.has(agent.name) && (atRest || (frozen && hostFree)),
    atRest,
    frozenMs: atRest || !frozen ? 0 : taken.frozenMs,
    safety,
    pinned,
    sqliteEnabled: quiesce.sqlite.enabled,
    rows,
    live: taken.live.get(agent.name) ?? [],
    tags,
    captures: own,
    containers: agent.containers,
  });
}

async function freeId(
  context: Context,
  agent: string,
  createdAt: Date,
  fsIds: readonly string[],
): Promise<string> {
  const stores = await Promise.all(fsIds.map(async (fsId) => context.openStore(fsId)));
  const taken = new Set<string>();
  for (;;) {
    const id = nextSnapshotId(agent, createdAt, (candidate) => taken.has(candidate));
    const found = await Promise.all(stores.map(async (store) => store.has(id)));
    if (!found.includes(true)) return id;
    taken.add(id);
  }
}
