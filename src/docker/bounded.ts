import { Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import { CowherdError } from '../model/errors.ts';

/** Ten thousand containers with their labels fit. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Where Node's Agent takes a request; agents on npm (agent-base) have overridden it for ten years. */
interface Taking {
  addRequest(request: ClientRequest, ...rest: readonly unknown[]): void;
}

/**
 * Connections on which a request fails at once when its answer breaks off (docker-modem would wait on) or grows over
 * the limit (it would keep all of it): TOOL_FAILED. Of events that is the limit of each. What a command in a container prints is a stream, and has no limit.
 */
export function boundedAgent(limitBytes = MAX_ANSWER_BYTES): Agent {
  const agent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5_000 });
  const taking = agent as unknown as Taking;
  const addRequest = taking.addRequest.bind(agent);
  taking.addRequest = (request, ...rest) => {
    request.once('response', (response: IncomingMessage) => {
      if (!/^\/exec\/[^/]+\/start\b/.test(request.path)) watch(request, response, limitBytes);
    });
    addRequest(request, ...rest);
  };
  // docker-modem describes every request for a debug log, its agent with all sockets too, whether anybody reads it or not.
  return Object.assign(agent, { [inspect.custom]: () => 'boundedAgent' });
}

function watch(request: ClientRequest, response: IncomingMessage, limitBytes: number): void {
  // Events come for months, one a line: the limit is that of a line.
  const isLines = /^\/events\b/.test(request.path);
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes = isLines && chunk.includes('\n') ? 0 : bytes + chunk.length;
    if (bytes > limitBytes) request.destroy(tooLong(request.path, limitBytes));
  });
  response.once('close', () => {
    if (!response.complete) request.emit('error', new Error('the answer broke off'));
  });
}

function tooLong(path: string, limitBytes: number): CowherdError {
  const limit = `${String(limitBytes / 1024 / 1024)} MiB`;
  return new CowherdError('TOOL_FAILED', `Docker's answer to ${path} is longer than ${limit}`, {
    hint: 'does docker.socket in the config lead to a Docker Engine 20.10 or newer?',
  });
}
