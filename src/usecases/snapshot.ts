import { isAlive } from '../model/agent.ts';
import type { SnapshotReport } from '../model/snapshot.ts';
import { createGuard } from '../quiesce/guard.ts';
import { expectRoom } from '../exec/room.ts';
import { createTurns } from '../state/turns.ts';
import type { CaptureRun, Outcome } from './capture-locked.ts';
import { captureByTurns } from './capture-turns.ts';
import { newCheckpointBudget } from './checkpoint-budget.ts';
import type { Context } from './context.ts';
import { eachAgent } from './each-agent.ts';
import { observeHost } from './host.ts';
import { nestingByTurns } from './nesting.ts';
import { recoverQuietly } from './recover.ts';
import { futureLast, listRestorePoints } from './restore-points.ts';
import { selectPlaced } from './selection.ts';
import { bracketGroups, candidateOf, nothingToCapture, type Candidate } from './snapshot-plan.ts';

export interface SnapshotRequest {
  readonly agents: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly pin: boolean;
  /** Names of agents that are passed over although they were chosen. */
  readonly except?: ReadonlySet<string>;
}

/** Quiesces, captures, thaws and records the chosen agents. One that fails does not stop the others. Throws what concerns all: AGENT_UNKNOWN, DOCKER_UNREACHABLE. */
export async function snapshot(
  context: Context,
  request: SnapshotRequest,
): Promise<SnapshotReport> {
  await recoverQuietly(context);
  await expectRoom(context.runtimeDir);
  const host = await observeHost(context);
  const selected = selectPlaced(context, host, request.agents).filter(
    ({ name }) => request.except?.has(name) !== true,
  );
  const nest = nestingByTurns(context, selected);
  const { done, failures } = await eachAgent(selected, nest);
  const candidates = done.map(candidateOf);
  const capturable = candidates.filter(({ volumes }) => volumes.length > 0);
  const points = futureLast(await listRestorePoints(context, host), context.now());
  const guard = createGuard();
  if (capturable.some(({ agent }) => agent.containers.some(isAlive))) guard.start();
  const run: CaptureRun = {
    context,
    docker: await context.docker(),
    guard,
    brackets: createTurns({ runtimeDir: context.runtimeDir, ticks: context.ticks }),
    host,
    nest,
    observation: host.observation,
    points,
    checkpoints: newCheckpointBudget(),
    captured: () => Promise.resolve(),
    request,
  };
  try {
    const groups = bracketGroups(capturable, host.observation);
    const outcomes = await captureByTurns(run, groups);
    return report(candidates, [...outcomes, { snapshots: [], skipped: [], failures }], request);
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
    skipped: [...candidates, ...outcomes].flatMap(({ skipped }) => skipped),
    failures: [...failures, ...failed.map(nothingToCapture)],
  };
}
