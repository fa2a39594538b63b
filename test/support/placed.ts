import type { Volume } from '../../src/model/agent.ts';
import type { Placement } from '../../src/storage/driver.ts';
import type { PlacedAgent } from '../../src/usecases/host.ts';
import type { RestorePoint } from '../../src/usecases/restore-points.ts';

/** An isolated btrfs volume, with these parts on top. */
export function placement(volume: string, over: Partial<Placement> = {}): Placement {
  return {
    volume,
    mountpoint: `/var/lib/docker/volumes/${volume}/_data`,
    filesystem: 'btrfs',
    tier: 'btrfs',
    reason: null,
    hint: null,
    isolated: true,
    dataset: `/docker/volumes/${volume}/_data`,
    fsId: 'fs-1',
    pathInFs: `/docker/volumes/${volume}/_data`,
    incarnation: `place-${volume}`,
    nested: [],
    notSwappable: null,
    hostile: null,
    ...over,
  };
}

/** An agent without containers whose volumes lie there. */
export function placedAgent(
  name: string,
  placements: readonly Placement[],
  over: Partial<Volume> = {},
): PlacedAgent {
  const volumes = placements.map(({ volume, mountpoint }): Volume => ({
    name: volume,
    kind: 'docker',
    role: volume,
    mountpoint,
    createdAt: '2026-11-22T11:05:03Z',
    labels: {},
    unsupported: null,
    users: [],
    ...over,
  }));
  return { name, aliases: [], containers: [], volumes, placements };
}

/** A restore point of an agent that holds these volumes. */
export function restorePoint(
  agent: string,
  volumes: readonly string[],
  over: Partial<RestorePoint['manifest']> & { readonly pinned?: boolean } = {},
): RestorePoint {
  const { pinned = false, ...manifest } = over;
  const createdAt = manifest.createdAt ?? '2026-11-22T11:05:03.000Z';
  return {
    agent,
    pinned,
    unpinned: false,
    parts: new Map([['fs-1', { locations: locationsOf(volumes) }]]),
    manifest: {
      format: 1,
      id: `${agent}@${createdAt.replace(/\.\d+/, '').replace(/[-:]/g, '')}`,
      agent,
      aliases: [],
      host: 'box',
      cowherd: '0',
      createdAt,
      grade: 'frozen',
      atRest: false,
      frozenMs: 1,
      safety: false,
      tags: {},
      home: 'fs-1',
      containers: [],
      volumes: volumes.map(recordedVolume),
      skipped: [],
      sqlite: [],
      databases: [],
      ...manifest,
    },
  };
}

function locationsOf(volumes: readonly string[]): Readonly<Record<string, string>> {
  const images = volumes.map((name) => recordedVolume(name).image);
  return Object.fromEntries(images.map((image) => [image, `/store/point/${image}`]));
}

function recordedVolume(name: string): RestorePoint['manifest']['volumes'][number] {
  return {
    name,
    kind: 'docker',
    role: name,
    tier: 'btrfs',
    fsId: 'fs-1',
    image: `${name}.image`,
    guid: `guid-${name}`,
    nested: [],
    isolated: true,
    mountpoint: `/var/lib/docker/volumes/${name}/_data`,
    labels: {},
    incarnation: { createdAt: null, sourceGuid: '', directory: `place-${name}` },
  };
}
