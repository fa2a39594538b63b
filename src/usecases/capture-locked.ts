import type { Docker } from '../docker/docker.ts';
import type { Observation } from '../model/agent.ts';
import { toFailure, type Failure } from '../model/errors.ts';
import type { Skipped, SnapshotDocument } from '../model/snapshot.ts';
import type { Guard } from '../quiesce/guard.ts';
import type { Locks } from '../state/locks.ts';
import type { Turns } from '../state/turns.ts';
import { runAgentHooks } from './agent-hooks.ts';
import { captureGroup } from './capture-group.ts';
import type { CheckpointBudget } from './checkpoint-budget.ts';
import type { Context } from './context.ts';
import type { Host, PlacedAgent } from './host.ts';
import { lockSettled } from './lock-settled.ts';
import { lookAgain } from './look-again.ts';
import { quietMembers } from './members.ts';
import type { Published } from './publish.ts';
import { snapshotDocument, type RestorePoint } from './restore-points.ts';
import type { Candidate } from './snapshot-plan.ts';

/** Agents that are captured in one bracket. */
export type Group = readonly Candidate[];

/** What all groups of a run share. */
export interface CaptureRun {
  readonly context: Context;
  readonly docker: Docker | null;
  readonly guard: Guard;
  readonly brackets: Turns;
  readonly host: Host;
  readonly nest: (agent: PlacedAgent) => Promise<PlacedAgent>;
  /** Of the host, by now. */
  readonly observation: Observation;
  readonly points: readonly RestorePoint[];
  readonly checkpoints: CheckpointBudget;
  /** Called when a group was captured; what comes after that waits for it. */
  readonly captured: () => Promise<void>;
  readonly request: { readonly tags: Readonly<Record<string, string>>; readonly pin: boolean };
}

export interface Outcome {
  readonly snapshots: readonly SnapshotDocument[];
  readonly skipped: readonly Skipped[];
  readonly failures: readonly Failure[];
}

/** A group whose locks are held, as it is under them. */
export interface Prepared {
  readonly locks: Locks;
  readonly observation: Observation;
  readonly group: Group;
  readonly failures: readonly Failure[];
}

const NOTHING: Outcome = { snapshots: [], skipped: [], failures: [] };

/**
 * Captures a group, prepared by itself unless that was done for several. A bracket of several agents that fails is tried again
 * with each alone, so that one cannot stop the others. Never throws.
 */
export async function captureOrSplit(
  run: CaptureRun,
  group: Group,
  prepared?: Prepared,
): Promise<Outcome> {
  try {
    return await capturePrepared(run, prepared ?? (await prepare(run, group)));
  } catch (error) {
    const [only] = group;
    if (group.length === 1 && only !== undefined)
      return { ...NOTHING, failures: [toFailure(only.agent.name, error)] };
    if (run.context.interrupt.aborted)
      return { ...NOTHING, failures: group.map(({ agent }) => toFailure(agent.name, error)) };
    const outcomes: Outcome[] = [];
    for (const candidate of group) outcomes.push(await captureOrSplit(run, [candidate]));
    return {
      snapshots: outcomes.flatMap(({ snapshots }) => snapshots),
      skipped: outcomes.flatMap(({ skipped }) => skipped),
      failures: outcomes.flatMap(({ failures }) => failures),
    };
  }
}

async function prepare(run: CaptureRun, group: Group): Promise<Prepared> {
  const { context, host, nest } = run;
  const agents = group.map(({ agent }) => agent);
  const locks = await lockSettled(context, agents, host);
  try {
    return { locks, ...(await lookAgain(context, group, nest)) };
  } catch (error) {
    locks.release();
    throw error;
  }
}

async function capturePrepared(
  run: CaptureRun,
  { locks, observation, group, failures }: Prepared,
): Promise<Outcome> {
  try {
    const outcome = await captureHooked({ ...run, observation }, group);
    return { ...outcome, failures: [...failures, ...outcome.failures] };
  } finally {
    locks.release();
  }
}

/** `post` hooks run for every agent whose `pre` hooks were begun, right after the thaw. */
async function captureHooked(run: CaptureRun, group: Group): Promise<Outcome> {
  const { context, docker } = run;
  const failures: Failure[] = [];
  const quiet: Candidate[] = [];
  for (const candidate of group) {
    await runAgentHooks(context, docker, { agent: candidate.agent, phase: 'pre' }).then(
      () => quiet.push(candidate),
      (error: unknown) => failures.push(toFailure(candidate.agent.name, error)),
    );
  }
  let pending: Group = group;
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
    const skipped: Skipped[] = [];
    const rest = { afterThaw, failures, skipped };
    const snapshots = quiet.length === 0 ? [] : await captureQuiet(run, quiet, rest);
    return { snapshots, skipped, failures };
  } finally {
    await afterThaw();
  }
}

interface Rest {
  readonly afterThaw: () => Promise<void>;
  readonly failures: Failure[];
  readonly skipped: Skipped[];
}

async function captureQuiet(
  run: CaptureRun,
  quiet: Group,
  { afterThaw, failures, skipped }: Rest,
): Promise<readonly SnapshotDocument[]> {
  const { context, docker, guard, brackets } = run;
  const members = await quietMembers(run, quiet);
  context.interrupt.throwIfAborted();
  const settled = await captureGroup(context, {
    ...{ members, docker, guard, brackets },
    afterThaw: async () => {
      await afterThaw();
      await run.captured();
    },
  });
  const documents: SnapshotDocument[] = [];
  for (const [index, result] of settled.entries()) {
    const agent = quiet[index]?.agent.name ?? '';
    if (result.status === 'fulfilled') {
      documents.push(recorded(run.request, agent, result.value));
      skipped.push(...result.value.lost);
    } else failures.push(toFailure(agent, result.reason));
  }
  return documents;
}

function recorded(
  { pin }: CaptureRun['request'],
  agent: string,
  { manifest, parts }: Published,
): SnapshotDocument {
  return snapshotDocument({ manifest, parts, agent, pinned: pin });
}
