import type { Docker } from '../docker/docker.ts';
import { isAlive, type Observation } from '../model/agent.ts';
import { toFailure, type Failure } from '../model/errors.ts';
import type { SnapshotDocument, SnapshotReport } from '../model/snapshot.ts';
import { createGuard, type Guard } from '../quiesce/guard.ts';
import { mapLimited } from '../quiesce/limited.ts';
import { runAgentHooks } from './agent-hooks.ts';
import { captureGroup } from './capture-group.ts';
import type { Context } from './context.ts';
import { eachAgent } from './each-agent.ts';
import { observeHost, nesting } from './host.ts';
import { lockAgents } from './locking.ts';
import { lookAgain } from './look-again.ts';
import { quietMembers } from './members.ts';
import type { Published } from './publish.ts';
import { recoverQuietly } from './recover.ts';
import { listRestorePoints, snapshotDocument, type RestorePoint } from './restore-points.ts';
import { selectPlaced } from './selection.ts';
import { bracketGroups, candidateOf, nothingToCapture, type Candidate } from './snapshot-plan.ts';

/** Brackets run one at a time per filesystem; hooks, checkpoints and read-outs of so many groups run beside them. */
const GROUPS_AT_ONCE = 4;

export interface SnapshotRequest {
  readonly agents: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly pin: boolean;
}

interface Run {
  readonly context: Context;
  readonly docker: Docker | null;
  readonly guard: Guard;
  readonly observation: Observation;
  readonly points: readonly RestorePoint[];
  readonly request: SnapshotRequest;
}

interface Outcome {
  readonly snapshots: readonly SnapshotDocument[];
  readonly failures: readonly Failure[];
}

/** Quiesces, captures, thaws and records the chosen agents. One that fails does not stop the others. Throws what concerns all: AGENT_UNKNOWN, DOCKER_UNREACHABLE. */
export async function snapshot(
  context: Context,
  request: SnapshotRequest,
): Promise<SnapshotReport> {
  await recoverQuietly(context);
  const host = await observeHost(context);
  const selected = selectPlaced(context, host, request.agents);
  const { done, failures } = await eachAgent(selected, nesting(context));
  const candidates = done.map(candidateOf);
  const capturable = candidates.filter(({ volumes }) => volumes.length > 0);
  const points = await listRestorePoints(context, host);
  const guard = createGuard();
  if (capturable.some(({ agent }) => agent.containers.some(isAlive))) guard.start();
  const run: Run = {
    context,
    docker: await context.docker(),
    guard,
    observation: host.observation,
    points,
    request,
  };
  try {
    const groups = bracketGroups(capturable, host.observation);
    const outcomes = await mapLimited(groups, GROUPS_AT_ONCE, async (group) =>
      captureOrSplit(run, group),
    );
    return report(candidates, [...outcomes, { snapshots: [], failures }], request);
  } finally {
    guard.close();
  }
}

/** An agent of which nothing can be captured is a failure when it was named, or when the whole run captured nothing. */
function report(
  candidates: readonly Candidate[],
  outcomes: readonly Outcome[],
  request: SnapshotRequest,
): SnapshotReport {
  const snapshots = outcomes.flatMap((outcome) => outcome.snapshots);
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  const empty = candidates.filter(({ volumes }) => volumes.length === 0);
  const failed = empty.filter(
    ({ agent }) =>
      request.agents.includes(agent.name) || (snapshots.length === 0 && failures.length === 0),
  );
  return {
    snapshots,
    skipped: candidates.flatMap(({ skipped }) => skipped),
    failures: [...failures, ...failed.map(nothingToCapture)],
  };
}

/** A bracket of several agents that fails is tried again with each alone, so that one cannot stop the others. */
async function captureOrSplit(run: Run, group: readonly Candidate[]): Promise<Outcome> {
  try {
    return await captureLocked(run, group);
  } catch (error) {
    const [only] = group;
    if (group.length === 1 && only !== undefined)
      return { snapshots: [], failures: [toFailure(only.agent.name, error)] };
    if (run.context.interrupt.aborted)
      return { snapshots: [], failures: group.map(({ agent }) => toFailure(agent.name, error)) };
    const outcomes: Outcome[] = [];
    for (const candidate of group) outcomes.push(await captureOrSplit(run, [candidate]));
    return {
      snapshots: outcomes.flatMap(({ snapshots }) => snapshots),
      failures: outcomes.flatMap(({ failures }) => failures),
    };
  }
}

async function captureLocked(run: Run, group: readonly Candidate[]): Promise<Outcome> {
  const { context } = run;
  const locks = await lockAgents(
    context,
    group.map(({ agent }) => agent),
    run.observation,
  );
  try {
    const now = await lookAgain(context, group);
    const outcome = await captureHooked({ ...run, observation: now.observation }, now.group);
    return { ...outcome, failures: [...now.failures, ...outcome.failures] };
  } finally {
    locks.release();
  }
}

/** `post` hooks run for every agent whose `pre` hooks were begun, right after the thaw. */
async function captureHooked(run: Run, group: readonly Candidate[]): Promise<Outcome> {
  const { context, docker } = run;
  const failures: Failure[] = [];
  const quiet: Candidate[] = [];
  for (const candidate of group) {
    await runAgentHooks(context, docker, { agent: candidate.agent, phase: 'pre' }).then(
      () => quiet.push(candidate),
      (error: unknown) => failures.push(toFailure(candidate.agent.name, error)),
    );
  }
  let pending: readonly Candidate[] = group;
  const afterThaw = async (): Promise<void> => {
    const due = pending;
    pending = [];
    const settled = await Promise.allSettled(
      due.map(async (candidate) =>
        runAgentHooks(context, docker, { agent: candidate.agent, phase: 'post' }),
      ),
    );
    settled.forEach((result, index) => {
      if (result.status === 'rejected')
        failures.push(toFailure(due[index]?.agent.name ?? null, result.reason));
    });
  };
  try {
    const snapshots =
      quiet.length === 0 ? [] : await captureQuiet(run, quiet, { afterThaw, failures });
    return { snapshots, failures };
  } finally {
    await afterThaw();
  }
}

interface Rest {
  readonly afterThaw: () => Promise<void>;
  readonly failures: Failure[];
}

async function captureQuiet(
  run: Run,
  quiet: readonly Candidate[],
  { afterThaw, failures }: Rest,
): Promise<readonly SnapshotDocument[]> {
  const { context, docker, guard } = run;
  const members = await quietMembers(run, quiet);
  context.interrupt.throwIfAborted();
  const settled = await captureGroup(context, { members, docker, guard, afterThaw });
  const documents: SnapshotDocument[] = [];
  for (const [index, result] of settled.entries()) {
    const agent = quiet[index]?.agent.name ?? '';
    if (result.status === 'fulfilled') documents.push(recorded(run, agent, result.value));
    else failures.push(toFailure(agent, result.reason));
  }
  return documents;
}

function recorded(
  { context, request }: Run,
  agent: string,
  published: Published,
): SnapshotDocument {
  const { manifest, parts, warnings } = published;
  for (const warning of warnings) context.tell(`warning: ${warning}`);
  return snapshotDocument({ manifest, parts, agent, pinned: request.pin });
}
