import type { Observation } from '../model/agent.ts';
import type { AgentsConfig } from '../model/agent-key.ts';
import { groupAgents } from '../model/grouping.ts';
import type { Docker } from './docker.ts';

/** What Docker tells now, grouped into agents; without Docker (`docker: none`) the listed paths alone. */
export async function observe(docker: Docker | null, agents: AgentsConfig): Promise<Observation> {
  if (docker === null) {
    return { ...groupAgents({ containers: [], volumes: [] }, agents), dataRoot: null };
  }
  const [info, containers, volumes] = await Promise.all([
    docker.info(),
    docker.containers(),
    docker.volumes(),
  ]);
  return { ...groupAgents({ containers, volumes }, agents), dataRoot: info.dataRoot };
}
