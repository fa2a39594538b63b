import type { Container } from '../model/agent.ts';
import { ANSWER_MS, call, refusal } from './call.ts';
import type { Client } from './connect.ts';
import type { ContainerDetails, DockerInfo, DockerVolume } from './docker.ts';
import { parseContainers, parseDetails, parseInfo, parseVolumes } from './parse.ts';
import { imageInfo } from './schemas.ts';
import { parseAnswer } from './schema-parts.ts';

/** What the daemon says of itself. */
export async function readInfo({ api, socketPath }: Client): Promise<DockerInfo> {
  const what = 'ask Docker about itself';
  const options = { what, socketPath, timeoutMs: ANSWER_MS };
  const abortable: { info(options: object): Promise<unknown> } = api;
  return parseInfo(await call(options, (abortSignal) => abortable.info({ abortSignal })));
}

/** All containers, stopped ones too. */
export async function listContainers({ api, socketPath }: Client): Promise<readonly Container[]> {
  const options = { what: 'list the containers', socketPath, timeoutMs: ANSWER_MS };
  return parseContainers(
    await call(options, (abortSignal) => api.listContainers({ all: true, abortSignal })),
  );
}

/** All volumes. */
export async function listVolumes({ api, socketPath }: Client): Promise<readonly DockerVolume[]> {
  const options = { what: 'list the volumes', socketPath, timeoutMs: ANSWER_MS };
  return parseVolumes(await call(options, (abortSignal) => api.listVolumes({ abortSignal })));
}

/** One container, null when there is none of that id or name. */
export async function inspectContainer(
  { api, socketPath }: Client,
  idOrName: string,
): Promise<ContainerDetails | null> {
  const container = api.getContainer(encodeURIComponent(idOrName));
  const options = { what: `inspect container ${idOrName}`, socketPath, timeoutMs: ANSWER_MS };
  const answer = await orNull(call(options, (abortSignal) => container.inspect({ abortSignal })));
  return answer === null ? null : parseDetails(answer);
}

/** `name@sha256:…` under which registries know an image; none for a local one or one that is gone. */
export async function imageDigests(
  { api, socketPath }: Client,
  imageId: string,
): Promise<readonly string[]> {
  const options = { what: `inspect image ${imageId}`, socketPath, timeoutMs: ANSWER_MS };
  const answer = await orNull(call(options, () => api.getImage(imageId).inspect()));
  return answer === null ? [] : parseAnswer(imageInfo, answer, options.what).RepoDigests;
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (refusal(error) === 404) return null;
    throw error;
  }
}
