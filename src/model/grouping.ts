import type { Agent, Ambiguity, Container, Volume } from './agent.ts';
import type { AgentsConfig } from './agent-key.ts';
import { describeKey } from './agent-key.ts';
import { matchesAny } from './globs.ts';
import type { Group } from './groups.ts';
import { groupVolumes } from './groups.ts';
import type { ListedVolume } from './listed-volume.ts';
import { atDevicePaths } from './listed-volume.ts';
import { byName } from './usage.ts';

export interface Listing {
  readonly containers: readonly Container[];
  readonly volumes: readonly ListedVolume[];
}

export interface Grouping {
  /** By name; each volume belongs to exactly one, a container to those whose volumes it brings along. */
  readonly agents: readonly Agent[];
  /** As listed, with the source of each mount where its data really is. */
  readonly containers: readonly Container[];
  readonly ambiguous: readonly Ambiguity[];
  readonly warnings: readonly string[];
}

/**
 * The agents of a host: what containers really mount decides (`ownerOf`), labels of volumes only where nobody
 * mounts them. Two kinds of source with one name: the first of label, compose project, volume stays, the
 * others are left out and reported as ambiguous.
 */
export function groupAgents(listing: Listing, config: AgentsConfig): Grouping {
  const containers = atDevicePaths(listing.containers, listing.volumes);
  const groups = groupVolumes({ containers, volumes: listing.volumes }, config);
  const wanted = groups.filter(
    ({ name }) => matchesAny(name, config.include) && !matchesAny(name, config.exclude),
  );
  const names = [...new Set(wanted.map((group) => group.name))].sort();
  const named = names.map((name) => wanted.filter((group) => group.name === name).sort(byKind));
  const ambiguous = named.filter((same) => same.length > 1).map(ambiguity);
  const taken = new Set(groups.map((group) => group.name));
  return {
    agents: named.flatMap(([first]) => (first === undefined ? [] : [toAgent(first, taken)])),
    containers,
    ambiguous,
    warnings: ambiguous.map(warningOf),
  };
}

const KINDS = ['label', 'compose', 'volume', 'path'];

function byKind(a: Group, b: Group): number {
  return KINDS.indexOf(a.key.kind) - KINDS.indexOf(b.key.kind);
}

function ambiguity(same: readonly Group[]): Ambiguity {
  return { name: same[0]?.name ?? '', sources: same.map((group) => describeKey(group.key)) };
}

function warningOf({ name, sources }: Ambiguity): string {
  const [kept = '', ...others] = sources;
  return `AGENT_AMBIGUOUS: ${sources.join(' and ')} are all called ${name}: only ${kept} is agent ${name}, ${others.join(' and ')} is left out`;
}

function toAgent(group: Group, taken: ReadonlySet<string>): Agent {
  const volumes = group.volumes.map((volume): Volume => ({
    ...volume,
    users: (group.usage.get(volume.name) ?? []).map((use) => use.container.name),
  }));
  return {
    name: group.name,
    aliases: [...new Set(group.formerNames)].filter((name) => !taken.has(name)).sort(),
    containers: [...group.containers].sort(byName),
    volumes: volumes.sort(byName),
  };
}
