import { ACTION_MS, call, refusal } from './call.ts';
import type { Client } from './connect.ts';
import { inspectContainer } from './listing.ts';

const DOCKER_STOP_S = 10;
const PATIENT_STOP_S = 600;
const STOP_MARGIN_MS = 30_000;

/** HTTP 304: it was so already. */
const NOT_MODIFIED = 304;

/**
 * Stops with the container's own timeout (a negative one, for ever, counts as 10 min) plus 30 s for the kill;
 * a container that is down or gone is stopped.
 */
export async function stopContainer(client: Client, id: string): Promise<void> {
  const details = await inspectContainer(client, id);
  if (details === null) return;
  const seconds = details.stopTimeoutS ?? DOCKER_STOP_S;
  const timeoutMs = (seconds < 0 ? PATIENT_STOP_S : seconds) * 1000 + STOP_MARGIN_MS;
  const options = {
    what: `stop container ${details.name}`,
    socketPath: client.socketPath,
    timeoutMs,
  };
  const container = client.api.getContainer(details.id);
  await unless(
    [NOT_MODIFIED, 404],
    call(options, (abortSignal) => container.stop({ abortSignal })),
  );
}

/** Creates a volume of the local driver; Docker answers the same for one that is there. */
export async function createVolume(
  { api, socketPath }: Client,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const options = { what: `create volume ${name}`, socketPath, timeoutMs: ACTION_MS };
  await call(options, () =>
    api.createVolume({ Name: name, Driver: 'local', Labels: { ...labels } }),
  );
}

/** Starts it; running already is success. */
export async function startContainer({ api, socketPath }: Client, id: string): Promise<void> {
  const options = { what: `start container ${id}`, socketPath, timeoutMs: ACTION_MS };
  const container = api.getContainer(encodeURIComponent(id));
  await unless(
    [NOT_MODIFIED],
    call(options, (abortSignal) => container.start({ abortSignal })),
  );
}

/** Pauses it; one that is paused already is refused (TOOL_FAILED): somebody else's pause is not ours to end. */
export async function pauseContainer({ api, socketPath }: Client, id: string): Promise<void> {
  const options = { what: `pause container ${id}`, socketPath, timeoutMs: ACTION_MS };
  const container = api.getContainer(encodeURIComponent(id));
  await call(options, (abortSignal) => container.pause({ abortSignal }));
}

/** Unpauses it; one that is not paused, or gone, is success. */
export async function unpauseContainer(client: Client, id: string): Promise<void> {
  const { api, socketPath } = client;
  const options = { what: `unpause container ${id}`, socketPath, timeoutMs: ACTION_MS };
  const container = api.getContainer(encodeURIComponent(id));
  try {
    await call(options, (abortSignal) => container.unpause({ abortSignal }));
  } catch (error) {
    const refused = refusal(error) !== null;
    if (refused && (await inspectContainer(client, id))?.state !== 'paused') return;
    throw error;
  }
}

async function unless(fine: readonly number[], request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!fine.includes(refusal(error) ?? 0)) throw error;
  }
}
