import { policyFor } from '../config/policy.ts';
import type { Docker } from '../docker/docker.ts';
import { isAlive, type Observation } from '../model/agent.ts';
import type { Member } from './capture-group.ts';
import type { CheckpointBudget } from './checkpoint-budget.ts';
import type { Context } from './context.ts';
import { knownDatabases, type KnownDatabases } from './known-databases.ts';
import { usersOf } from './locking.ts';
import type { RestorePoint } from './restore-points.ts';
import type { Candidate } from './snapshot-plan.ts';
import { checkpointAgent } from './sqlite.ts';

interface Quieting {
  readonly context: Context;
  readonly docker: Docker | null;
  readonly observation: Observation;
  readonly points: readonly RestorePoint[];
  readonly checkpoints: CheckpointBudget;
  readonly request: { readonly tags: Readonly<Record<string, string>>; readonly pin: boolean };
}

/** The agents of a bracket with their databases checkpointed, in their order. */
export async function quietMembers(
  run: Quieting,
  quiet: readonly Candidate[],
): Promise<readonly Member[]> {
  const databases = await databasesOf(run, quiet);
  return Promise.all(quiet.map(async (candidate) => memberOf(run, candidate, databases)));
}

/** Where SQLite is enabled; the newest restore point of an agent, safety snapshots apart, knows its databases. */
async function databasesOf(
  { context, points }: Quieting,
  quiet: readonly Candidate[],
): Promise<KnownDatabases> {
  const lookups = quiet.flatMap(({ agent: { name }, volumes }) => {
    if (!policyFor(context.config, name).quiesce.sqlite.enabled) return [];
    const previous = points.find(({ agent, manifest }) => agent === name && !manifest.safety);
    return volumes.map((placement) => ({ placement, previous: previous ?? null }));
  });
  return knownDatabases(context, lookups);
}

async function memberOf(
  run: Quieting,
  candidate: Candidate,
  databases: KnownDatabases,
): Promise<Member> {
  const { context, docker, request, checkpoints: budget } = run;
  const { agent, volumes } = candidate;
  const users =
    docker === null
      ? []
      : await Promise.all(
          usersOf(agent, run.observation.containers)
            .filter(isAlive)
            .map(async ({ id }) => docker.inspect(id)),
        );
  const rows = await checkpointAgent(context, {
    volumes,
    config: policyFor(context.config, agent.name).quiesce.sqlite,
    databases,
    users: users.filter((details) => details !== null),
    budget,
  });
  return { candidate, rows, tags: request.tags, safety: false, pinned: request.pin };
}
