import type { Container, Volume } from './agent.ts';
import type { AgentKey, AgentsConfig } from './agent-key.ts';
import { agentKey, keyFromLabels } from './agent-key.ts';
import type { ListedVolume } from './listed-volume.ts';
import { isAnonymous, pathVolume, toVolume } from './listed-volume.ts';
import type { Herd } from './members.ts';
import { membersOf } from './members.ts';
import { encodeName } from './names.ts';
import type { Claim, Mounter } from './ownership.ts';
import { formerName, ownerOf } from './ownership.ts';
import type { Usage, Use } from './usage.ts';
import { usageOf } from './usage.ts';

/** What will be an agent unless another kind of source has the same name. */
export interface Group extends Herd {
  readonly containers: readonly Container[];
}

interface Listing {
  readonly containers: readonly Container[];
  readonly volumes: readonly ListedVolume[];
}

/** Containers and volumes as groups, one a key; every volume in exactly one. */
export function groupVolumes(listing: Listing, config: AgentsConfig): readonly Group[] {
  const volumes = listing.volumes.map(toVolume);
  const paths = config.paths.map(({ agent, path }) => ({ agent, volume: pathVolume(path) }));
  const usage = usageOf(listing.containers, [...volumes, ...paths.map(({ volume }) => volume)]);
  const keyOf = (container: Container) => keyFromLabels(container.labels, config.groupBy);
  const claims = volumes.map((volume): Claim => {
    const label = keyFromLabels(volume.labels, config.groupBy);
    return { volume, label, mounters: mountersOf(usage.get(volume.name) ?? [], keyOf) };
  });
  const herds = joinPaths(herdsOf(claims, usage), paths, usage);
  const keys = new Set(herds.map((herd) => herd.key.id));
  return herds.map((herd) => ({
    ...herd,
    containers: membersOf(herd, { containers: listing.containers, keyOf, keys }),
  }));
}

function mountersOf(
  uses: readonly Use[],
  keyOf: (container: Container) => AgentKey | null,
): readonly Mounter[] {
  const found = new Map<string, Mounter>();
  for (const { container, writable } of uses) {
    const key = keyOf(container);
    if (key === null) continue;
    found.set(key.id, { key, writable: writable || (found.get(key.id)?.writable ?? false) });
  }
  return [...found.values()];
}

function herdsOf(claims: readonly Claim[], usage: Usage): readonly Herd[] {
  const owners = claims.map((claim) => ({ claim, key: ownerOf(claim, claims) }));
  const settled = owners.map((owned) => ({ ...owned, key: companion(owned, owners, usage) }));
  const byId = Map.groupBy(settled, ({ key }) => key.id);
  return [...byId.values()].flatMap((owned) => {
    const key = owned[0]?.key;
    return key === undefined
      ? []
      : [
          toHerd(
            key,
            owned.map(({ claim }) => claim),
            usage,
          ),
        ];
  });
}

interface Owned {
  readonly claim: Claim;
  readonly key: AgentKey;
}

/** An anonymous volume that nobody names goes with the first named volume of a nameless container that mounts both. */
function companion({ claim, key }: Owned, owners: readonly Owned[], usage: Usage): AgentKey {
  if (key.kind !== 'volume' || !isAnonymous(claim.volume)) return key;
  const users = new Set(containerIds(usage, claim.volume));
  const others = owners.filter(
    (other) =>
      !isAnonymous(other.claim.volume) &&
      other.claim.mounters.length === 0 &&
      containerIds(usage, other.claim.volume).some((id) => users.has(id)),
  );
  const first = others.map((other) => other.claim.volume.name).sort()[0];
  return others.find((other) => other.claim.volume.name === first)?.key ?? key;
}

function containerIds(usage: Usage, volume: Volume): readonly string[] {
  return (usage.get(volume.name) ?? []).map((use) => use.container.id);
}

function toHerd(key: AgentKey, claims: readonly Claim[], usage: Usage): Herd {
  const formerNames = claims.flatMap((claim) => {
    const former = formerName(claim, key);
    return former === null || former.id === key.id ? [] : [encodeName(former.raw)];
  });
  const volumes = claims.map((claim) => claim.volume);
  return { key, name: encodeName(key.raw), volumes, formerNames, usage };
}

/** Listed paths join the agent so named, whatever its kind; else they make one. */
function joinPaths(
  herds: readonly Herd[],
  paths: readonly { readonly agent: string; readonly volume: Volume }[],
  usage: Usage,
): readonly Herd[] {
  return paths.reduce((joined: readonly Herd[], { agent, volume }) => {
    const home = joined.find(({ name }) => name === agent || name === encodeName(agent));
    if (home === undefined)
      return [...joined, { ...toHerd(agentKey('path', agent), [], usage), volumes: [volume] }];
    return joined.map((herd) =>
      herd === home ? { ...herd, volumes: [...herd.volumes, volume] } : herd,
    );
  }, herds);
}
