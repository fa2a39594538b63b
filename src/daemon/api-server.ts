import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyHttpOptions } from 'fastify';
import { CowherdError } from '../model/errors.ts';
import { errorBody, JSON_TYPE, replyError, type Tell } from './api-errors.ts';

/** How much, and for how long, a client may take of the daemon. */
export interface Bounds {
  readonly connections: number;
  /** For a request's head; for all of it. */
  readonly headMs: number;
  readonly requestMs: number;
  /** From a request to the end of its answer. */
  readonly answerMs: number;
  /** Between two requests. */
  readonly idleMs: number;
}

export const BOUNDS: Bounds = {
  connections: 32,
  headMs: 5000,
  requestMs: 10_000,
  answerMs: 120_000,
  idleMs: 5000,
};

const BODY_BYTES = 1024;
const HEAD_BYTES = 8192;
const PARAM_CHARACTERS = 512;
const REQUESTS_OF_A_CONNECTION = 1000;
/** How often Node.js looks for connections that took too long. */
const LOOK_MS = 1000;

/** A fastify instance without routes that no client can hold. */
export async function createServer(
  tell: Tell,
  { connections, headMs, requestMs, answerMs, idleMs }: Bounds,
): Promise<FastifyInstance> {
  const { default: fastify } = await import('fastify');
  const options: FastifyHttpOptions<Server> = {
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: requestMs,
    keepAliveTimeout: idleMs,
    maxRequestsPerSocket: REQUESTS_OF_A_CONNECTION,
    forceCloseConnections: true,
    http: {
      headersTimeout: headMs,
      maxHeaderSize: HEAD_BYTES,
      connectionsCheckingInterval: Math.min(LOOK_MS, headMs),
    },
    routerOptions: { maxParamLength: PARAM_CHARACTERS },
    frameworkErrors: (error, request, reply) => {
      replyError(error, { request, reply, tell });
    },
    clientErrorHandler: refuseConnection,
  };
  const app: FastifyInstance = fastify(options);
  app.server.maxConnections = connections;
  app.addHook('onRequest', (request, reply, done) => {
    const tooLong = setTimeout(() => request.raw.socket.destroy(), answerMs).unref();
    reply.raw.once('close', () => {
      clearTimeout(tooLong);
    });
    done();
  });
  return app;
}

/** What is no HTTP, or took too long, is told so and cut off. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? 400;
  const body = errorBody(new CowherdError('USAGE', `not understood: ${error.message}`));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Content-Type: ${JSON_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const STATUS_OF: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};
