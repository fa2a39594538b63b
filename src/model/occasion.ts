import type { Agent, Observation } from './agent.ts';

/** Why Docker's doings make somebody take a restore point, as its tag `cause` says. */
export type Occasion = 'new-agent' | 'container-removed' | 'image-changed';

/** Agents with a container of this id, or a volume that it mounts. */
export function agentsOf({ agents, containers }: Observation, id: string): readonly string[] {
  const name = containers.find((container) => container.id === id)?.name;
  return agents
    .filter(
      (agent) =>
        agent.containers.some((container) => container.id === id) ||
        (name !== undefined && agent.volumes.some(({ users }) => users.includes(name))),
    )
    .map((agent) => agent.name);
}

/** Agents that were there and have got a container of an image that none of theirs had. */
export function withOtherImage(before: Observation, now: Observation): readonly string[] {
  const images = new Map(before.agents.map((agent) => [agent.name, imagesOf(agent)]));
  return now.agents
    .filter((agent) => {
      const known = images.get(agent.name);
      if (known === undefined || known.size === 0) return false;
      return [...imagesOf(agent)].some((image) => !known.has(image));
    })
    .map(({ name }) => name);
}

function imagesOf({ containers }: Agent): ReadonlySet<string> {
  return new Set(containers.map(({ imageId }) => imageId));
}
