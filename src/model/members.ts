import type { Container, Volume } from './agent.ts';
import type { AgentKey } from './agent-key.ts';
import type { Usage } from './usage.ts';

/** Volumes of one owner, before it is known which containers go with them. */
export interface Herd {
  readonly key: AgentKey;
  readonly name: string;
  readonly volumes: readonly Volume[];
  /** Names that labels of its volumes still say. */
  readonly formerNames: readonly string[];
  readonly usage: Usage;
}

export interface Membership {
  readonly containers: readonly Container[];
  readonly keyOf: (container: Container) => AgentKey | null;
  /** Ids of the keys that have a group. */
  readonly keys: ReadonlySet<string>;
}

/**
 * The containers of a group: those of its name, and those without a name that mount a volume of it which no
 * named container mounts. On a listed path any container counts as nameless whose name has no volumes.
 * All other users of its volumes remain users.
 */
export function membersOf(herd: Herd, membership: Membership): readonly Container[] {
  const guests = new Set(herd.volumes.flatMap((volume) => namelessUsers(volume, herd, membership)));
  return membership.containers.filter(
    (container) => membership.keyOf(container)?.id === herd.key.id || guests.has(container.id),
  );
}

function namelessUsers(volume: Volume, herd: Herd, { keyOf, keys }: Membership): readonly string[] {
  const users = (herd.usage.get(volume.name) ?? []).map((use) => use.container);
  const nameless = users.filter((container) => {
    const key = keyOf(container);
    return key === null || (volume.kind === 'path' && !keys.has(key.id));
  });
  return nameless.length === users.length ? nameless.map((container) => container.id) : [];
}
