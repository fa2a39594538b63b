import type { Container } from '../model/agent.ts';
import type { ContainerDetails, DockerInfo, DockerVolume } from './docker.ts';
import { healthWindowMs } from './health.ts';
import type { InspectedContainer } from './schemas.ts';
import { containerListing, daemonInfo, inspectedContainer, volumeListing } from './schemas.ts';
import { parseAnswer } from './schema-parts.ts';

const HEALTH: Readonly<Record<string, ContainerDetails['health']>> = {
  starting: 'starting',
  healthy: 'healthy',
  unhealthy: 'unhealthy',
};

/** The answer of `GET /containers/json`. Throws TOOL_FAILED when it is something else. */
export function parseContainers(answer: unknown): readonly Container[] {
  return parseAnswer(containerListing, answer, 'list containers').map((raw) => ({
    id: raw.Id,
    name: ownName(raw.Names) || raw.Id.slice(0, 12),
    state: raw.State,
    image: raw.Image,
    imageId: raw.ImageID,
    labels: raw.Labels,
    mounts: raw.Mounts,
    networkMode: raw.HostConfig?.NetworkMode ?? '',
  }));
}

/** The answer of `GET /containers/ID/json`. Throws TOOL_FAILED when it is something else. */
export function parseDetails(answer: unknown): ContainerDetails {
  const raw = parseAnswer(inspectedContainer, answer, 'inspect a container');
  const { State: state, Config: config, HostConfig: host } = raw;
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ''),
    state: state.Status,
    image: config.Image,
    imageId: raw.Image,
    labels: config.Labels,
    mounts: raw.Mounts,
    networkMode: host.NetworkMode,
    pid: state.Pid,
    startedAt: state.StartedAt,
    restartCount: raw.RestartCount,
    autoRemove: host.AutoRemove,
    restartPolicy: host.RestartPolicy?.Name || 'no',
    stopTimeoutS: config.StopTimeout ?? null,
    health: HEALTH[state.Health?.Status ?? ''] ?? 'none',
    healthWindowMs: healthWindowMs(config.Healthcheck ?? null),
    exitCode: state.ExitCode,
    joins: joinsOf(host),
    runtime: host.Runtime,
  };
}

/** The answer of `GET /volumes`. Throws TOOL_FAILED when it is something else. */
export function parseVolumes(answer: unknown): readonly DockerVolume[] {
  return parseAnswer(volumeListing, answer, 'list volumes').Volumes.map((raw) => ({
    name: raw.Name,
    driver: raw.Driver || 'local',
    mountpoint: raw.Mountpoint,
    createdAt: raw.CreatedAt ?? null,
    labels: raw.Labels,
    options: raw.Options,
  }));
}

/** The answer of `GET /info`. Throws TOOL_FAILED when it is something else. */
export function parseInfo(answer: unknown): DockerInfo {
  const raw = parseAnswer(daemonInfo, answer, 'tell about itself');
  return {
    dataRoot: raw.DockerRootDir,
    serverVersion: raw.ServerVersion,
    storageDriver: raw.Driver,
    liveRestore: raw.LiveRestoreEnabled,
  };
}

/** Links give a container further names (`/other/alias`); its own has one slash. */
function ownName(names: readonly string[]): string {
  const bare = names.map((name) => name.replace(/^\//, ''));
  return bare.find((name) => !name.includes('/')) ?? '';
}

function joinsOf(host: InspectedContainer['HostConfig']): readonly string[] {
  const modes = [host.NetworkMode, host.IpcMode, host.PidMode];
  const joined = modes.flatMap((mode) => /^container:(.+)$/.exec(mode)?.[1] ?? []);
  return [...new Set(joined)];
}
