import type { Config } from '../config/schema.ts';
import type { Docker } from '../docker/docker.ts';
import { CowherdError } from '../model/errors.ts';
import type { ContainerPort } from '../quiesce/port.ts';

/** What quiescing needs of Docker. Without Docker there is no container to ask about. */
export function containerPort(docker: Docker | null, config: Config): ContainerPort {
  const none = (): Promise<never> =>
    Promise.reject(
      new CowherdError('DOCKER_UNREACHABLE', 'Docker is switched off by docker: none'),
    );
  return {
    socket: config.docker?.socket ?? null,
    inspect: docker === null ? none : async (id) => docker.inspect(id),
    pause: docker === null ? none : async (id) => docker.pause(id),
    unpause: docker === null ? none : async (id) => docker.unpause(id),
  };
}
