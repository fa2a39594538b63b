import type { Volume } from './agent.ts';
import type { AgentKey } from './agent-key.ts';
import { agentKey } from './agent-key.ts';

/** A volume and what speaks for whose it is. */
export interface Claim {
  readonly volume: Volume;
  /** The agent its own labels name: those of its creation, for ever. */
  readonly label: AgentKey | null;
  /** The agents whose containers mount it, each once. */
  readonly mounters: readonly Mounter[];
}

export interface Mounter {
  readonly key: AgentKey;
  readonly writable: boolean;
}

/**
 * The one agent a volume belongs to; the other mounters only use it. In this order:
 * 1. nobody with a name of its own mounts it: the agent its labels name, else one named after it;
 * 2. the agent its labels name, if that one mounts it;
 * 3. the heirs of that agent (a rename leaves labels old, see `isHeir`); without labels all who mount it.
 *    No heir: a neighbour's volume whose own container is gone, so still the agent its labels name;
 * 4. of several the only one that may write, else who holds more volumes of that label, else the first by name.
 */
export function ownerOf(claim: Claim, claims: readonly Claim[]): AgentKey {
  const { label, mounters } = claim;
  if (mounters.length === 0) return label ?? agentKey('volume', claim.volume.name);
  if (label !== null && mountedBy(claim, label)) return label;
  const heirs = mounters.filter(({ key }) => {
    const former = formerName(claim, key);
    return former === null || isHeir(key, former, claims);
  });
  return preferred(heirs, claim, claims) ?? label ?? agentKey('volume', claim.volume.name);
}

/** What a volume's labels say to an agent of this kind: a compose project says nothing against a label. */
export function formerName(claim: Claim, key: AgentKey): AgentKey | null {
  return key.kind === 'label' && claim.label?.kind === 'compose' ? null : claim.label;
}

/**
 * True when an agent has taken over another's name on volumes (it was renamed): it mounts more than half of
 * the volumes with that label which their namesake does not mount. Where a namesake lives, and this
 * agent has volumes with its own label, it is a neighbour and no heir.
 */
function isHeir(key: AgentKey, former: AgentKey, claims: readonly Claim[]): boolean {
  const left = claims.filter((claim) => claim.label?.id === former.id && !mountedBy(claim, former));
  const held = left.filter((claim) => mountedBy(claim, key));
  const namesake = claims.some((claim) => mountedBy(claim, former));
  const ownLabel = claims.some((claim) => claim.label?.id === key.id && mountedBy(claim, key));
  return held.length * 2 > left.length && !(namesake && ownLabel);
}

function preferred(
  mounters: readonly Mounter[],
  { label }: Claim,
  claims: readonly Claim[],
): AgentKey | null {
  const writers = mounters.filter((mounter) => mounter.writable);
  if (writers.length === 1) return writers[0]?.key ?? null;
  const held = (key: AgentKey) =>
    claims.filter((claim) => claim.label?.id === label?.id && mountedBy(claim, key)).length;
  const best = (writers.length > 0 ? writers : mounters)
    .map(({ key }) => ({ key, held: label === null ? 0 : held(key) }))
    .sort((a, b) => b.held - a.held || (a.key.raw < b.key.raw ? -1 : 1));
  return best[0]?.key ?? null;
}

function mountedBy(claim: Claim, key: AgentKey): boolean {
  return claim.mounters.some((mounter) => mounter.key.id === key.id);
}
