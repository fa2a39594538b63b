import { CowherdError } from '../model/errors.ts';
import { call, refusal } from './call.ts';
import type { Client } from './connect.ts';
import { inspectContainer } from './listing.ts';

const DOCKER_STOP_S = 10;
const PATIENT_STOP_S = 600;
/** A timer holds no more than 24 days. */
const LONGEST_STOP_S = 86_400;

/** HTTP 304: it was so already. */
const NOT_MODIFIED = 304;

/**
 * Stops with the container's own timeout (a negative one, for ever, counts as 10 min; a day at most) plus 30 s for the kill;
 * a container that is down or gone is stopped.
 */
export async function stopContainer(client: Client, id: string): Promise<void> {
  const details = await inspectContainer(client, id);
  if (details === null) return;
  const seconds = details.stopTimeoutS ?? DOCKER_STOP_S;
  const ownMs = 1000 * (seconds < 0 ? PATIENT_STOP_S : Math.min(seconds, LONGEST_STOP_S));
  const options = {
    what: `stop container ${details.name}`,
    socketPath: client.socketPath,
    timeoutMs: ownMs + client.patience.stopMarginMs,
  };
  const container = client.api.getContainer(details.id);
  await unless(
    [NOT_MODIFIED, 404],
    call(options, (abortSignal) => container.stop({ abortSignal })),
  );
}

/** Creates a volume of the local driver; Docker answers the same for one that is there. */
export async function createVolume(
  { api, socketPath, patience }: Client,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const options = { what: `create volume ${name}`, socketPath, timeoutMs: patience.actionMs };
  const volume = { Name: name, Driver: 'local', Labels: { ...labels } };
  await call(options, (abortSignal) => api.createVolume({ ...volume, abortSignal }));
}

/** Starts it; running already is success. */
export async function startContainer(
  { api, socketPath, patience }: Client,
  id: string,
): Promise<void> {
  const options = { what: `start container ${id}`, socketPath, timeoutMs: patience.actionMs };
  const container = api.getContainer(encodeURIComponent(id));
  await unless(
    [NOT_MODIFIED],
    call(options, (abortSignal) => container.start({ abortSignal })),
  );
}

/** Pauses it; one that is paused already is refused (TOOL_FAILED): somebody else's pause is not ours to end. */
export async function pauseContainer(
  { api, socketPath, patience }: Client,
  id: string,
): Promise<void> {
  const options = { what: `pause container ${id}`, socketPath, timeoutMs: patience.actionMs };
  const container = api.getContainer(encodeURIComponent(id));
  await call(options, (abortSignal) => container.pause({ abortSignal }));
}

/** Unpauses it; one that is not paused, or gone, is success. A word of success is not believed unless Docker says so of the container too. */
export async function unpauseContainer(client: Client, id: string): Promise<void> {
  const { api, socketPath, patience } = client;
  const options = { what: `unpause container ${id}`, socketPath, timeoutMs: patience.actionMs };
  const container = api.getContainer(encodeURIComponent(id));
  try {
    await call(options, (abortSignal) => container.unpause({ abortSignal }));
  } catch (error) {
    const refused = refusal(error) !== null;
    if (refused && (await inspectContainer(client, id))?.state !== 'paused') return;
    throw error;
  }
  if ((await inspectContainer(client, id))?.state === 'paused') {
    throw new CowherdError(
      'DOCKER_UNREACHABLE',
      `Docker did not unpause container ${id}, and said it had`,
      {
        hint: 'look at the Docker daemon, and at what is between it and its socket',
      },
    );
  }
}

async function unless(fine: readonly number[], request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!fine.includes(refusal(error) ?? 0)) throw error;
  }
}
