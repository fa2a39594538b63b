import type { Container } from '../model/agent.ts';
import { call, refusal } from './call.ts';
import type { Client } from './connect.ts';
import type { ContainerDetails, DockerInfo, DockerVolume } from './docker.ts';
import { parseContainers, parseDetails, parseInfo, parseVolumes } from './parse.ts';
import { imageInfo } from './schemas.ts';
import { parseAnswer } from './schema-parts.ts';

/** What the daemon says of itself. */
export async function readInfo({ api, socketPath, patience }: Client): Promise<DockerInfo> {
  const what = 'ask Docker about itself';
  const options = { what, socketPath, timeoutMs: patience.answerMs };
  const abortable: { info(options: object): Promise<unknown> } = api;
  return parseInfo(await call(options, (abortSignal) => abortable.info({ abortSignal })));
}

/** All containers, stopped ones too. */
export async function listContainers({
  api,
  socketPath,
  patience,
}: Client): Promise<readonly Container[]> {
  const options = { what: 'list the containers', socketPath, timeoutMs: patience.answerMs };
  return parseContainers(
    await call(options, (abortSignal) => api.listContainers({ all: true, abortSignal })),
  );
}

/** All volumes. */
export async function listVolumes({
  api,
  socketPath,
  patience,
}: Client): Promise<readonly DockerVolume[]> {
  const options = { what: 'list the volumes', socketPath, timeoutMs: patience.answerMs };
  return parseVolumes(await call(options, (abortSignal) => api.listVolumes({ abortSignal })));
}

/** One container, null when there is none of that id or name. */
export async function inspectContainer(
  { api, socketPath, patience }: Client,
  idOrName: string,
): Promise<ContainerDetails | null> {
  const container = api.getContainer(encodeURIComponent(idOrName));
  const options = {
    what: `inspect container ${idOrName}`,
    socketPath,
    timeoutMs: patience.answerMs,
  };
  const answer = await orNull(call(options, (abortSignal) => container.inspect({ abortSignal })));
  return answer === null ? null : parseDetails(answer);
}

/** `name@sha256:…` under which registries know an image; none for a local one or one that is gone. */
export async function imageDigests(
  { api, socketPath, patience }: Client,
  imageId: string,
): Promise<readonly string[]> {
  const options = { what: `inspect image ${imageId}`, socketPath, timeoutMs: patience.answerMs };
  const answer = await orNull(
    call(options, (abortSignal) => inspectImage(api, imageId, abortSignal)),
  );
  return answer === null ? [] : parseAnswer(imageInfo, answer, options.what).RepoDigests;
}

/** Dockerode's own cannot be aborted: the open request would keep the process from ending. */
async function inspectImage(
  { modem }: Client['api'],
  imageId: string,
  abortSignal: AbortSignal,
): Promise<unknown> {
  const statusCodes = { 200: true, 404: 'no such image', 500: 'server error' };
  const path = `/images/${encodeURIComponent(imageId)}/json`;
  const asked = { path, method: 'GET', statusCodes, abortSignal };
  return new Promise((resolve, reject) => {
    modem.dial(asked, (error: unknown, answer: unknown) => {
      if (error instanceof Error) reject(error);
      else resolve(answer);
    });
  });
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (refusal(error) === 404) return null;
    throw error;
  }
}
