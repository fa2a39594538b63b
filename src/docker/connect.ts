import type Dockerode from 'dockerode';
import { boundedAgent } from './bounded.ts';
import { call, PATIENCE, type Patience } from './call.ts';
import type { Docker } from './docker.ts';
import { dockerEvents } from './events.ts';
import { execIn } from './exec.ts';
import {
  createVolume,
  pauseContainer,
  startContainer,
  stopContainer,
  unpauseContainer,
} from './lifecycle.ts';
import {
  imageDigests,
  inspectContainer,
  listContainers,
  listVolumes,
  readInfo,
} from './listing.ts';

/** Dockerode, the socket it speaks to, which errors name, and how long its calls may take. */
export interface Client {
  readonly api: Dockerode;
  readonly socketPath: string;
  readonly patience: Patience;
}

/**
 * Docker on a unix socket, whatever DOCKER_HOST says. Nothing is asked yet: the first call throws
 * DOCKER_UNREACHABLE when nobody is there.
 */
export async function connectDocker(
  socketPath: string,
  patience: Patience = PATIENCE,
): Promise<Docker> {
  const api = await call(
    { what: 'set up the Docker client', socketPath, timeoutMs: patience.answerMs },
    () => openClient(socketPath),
  );
  const client = { api, socketPath, patience };
  return {
    info: () => readInfo(client),
    containers: () => listContainers(client),
    volumes: () => listVolumes(client),
    inspect: (idOrName) => inspectContainer(client, idOrName),
    imageDigests: (imageId) => imageDigests(client, imageId),
    createVolume: (name, labels) => createVolume(client, name, labels),
    stop: (id) => stopContainer(client, id),
    start: (id) => startContainer(client, id),
    pause: (id) => pauseContainer(client, id),
    unpause: (id) => unpauseContainer(client, id),
    events: (signal) => dockerEvents(client, signal),
    exec: (id, argv, timeoutMs) => execIn(client, { id, argv, timeoutMs }),
  };
}

/** The empty host keeps docker-modem from following DOCKER_HOST away from the socket. */
async function openClient(socketPath: string): Promise<Dockerode> {
  const { default: Client } = await import('dockerode');
  // Docker-modem takes an agent, of which dockerode's types know nothing.
  const options = { socketPath, host: '', protocol: 'http', agent: boundedAgent() } as const;
  return new Client(options);
}
