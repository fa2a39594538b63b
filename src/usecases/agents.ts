import type { ContainerState } from '../model/agent.ts';
import { toFailure, type Failure } from '../model/errors.ts';
import type { Tier } from '../model/snapshot.ts';
import type { Context } from './context.ts';
import { newestOf } from './coverage.ts';
import { observeHost, type PlacedAgent } from './host.ts';
import { futureLast, readRestorePoints, type RestorePoint } from './restore-points.ts';
import { selectPlaced } from './selection.ts';

/** A volume as `cowherd agents --json` shows it. */
export interface VolumeDocument {
  readonly name: string;
  readonly role: string;
  readonly mountpoint: string;
  readonly filesystem: string;
  readonly tier: Tier;
  readonly isolated: boolean;
  /** Empty where it lies on none. */
  readonly dataset: string;
  readonly users: readonly string[];
  /** Why it cannot be captured, or null. */
  readonly reason: string | null;
}

export interface AgentDocument {
  readonly name: string;
  /** Names it had before. */
  readonly aliases: readonly string[];
  readonly containers: readonly {
    readonly id: string;
    readonly name: string;
    readonly state: ContainerState;
  }[];
  readonly volumes: readonly VolumeDocument[];
  /** Id of the newest restore point that is not a safety snapshot, or null. */
  readonly lastSnapshot: string | null;
}

export interface AgentsDocument {
  readonly agents: readonly AgentDocument[];
  /** Filesystems whose restore points could not be read: a last snapshot may be newer than is said. */
  readonly failures: readonly Failure[];
}

/** The chosen agents, by name. Throws AGENT_UNKNOWN, AGENT_AMBIGUOUS, DOCKER_UNREACHABLE. */
export async function listAgents(
  context: Context,
  patterns: readonly string[],
): Promise<AgentsDocument> {
  const host = await observeHost(context);
  const selected = selectPlaced(context, host, patterns);
  const { points, unread } = await readRestorePoints(context, host);
  return {
    agents: selected.map((agent) => agentDocument(agent, futureLast(points, context.now()))),
    failures: unread.map(({ error }) => toFailure(null, error)),
  };
}

function agentDocument(agent: PlacedAgent, points: readonly RestorePoint[]): AgentDocument {
  const { name, aliases, containers } = agent;
  return {
    name,
    aliases,
    containers: containers.map(({ id, name: called, state }) => ({ id, name: called, state })),
    volumes: agent.volumes.flatMap((volume, index) => {
      const placement = agent.placements[index];
      if (placement === undefined) return [];
      const { mountpoint, filesystem, tier, isolated, dataset, reason } = placement;
      const place = { mountpoint, filesystem, tier, isolated, dataset, reason };
      return [{ name: volume.name, role: volume.role, ...place, users: volume.users }];
    }),
    lastSnapshot: newestOf(agent, points)?.manifest.id ?? null,
  };
}
