import type { FastifyInstance } from 'fastify';
import { printableJson } from '../model/printable-json.ts';
import type { Context } from '../usecases/context.ts';
import { parseQuery } from './api-schemas.ts';
import { JSON_TYPE, replyError, replyNotFound, type Tell } from './api-errors.ts';
import { BOUNDS, createServer, type Bounds } from './api-server.ts';
import { createMetrics } from './metrics.ts';
import { createDocuments, ROUTES, type Route, type Served } from './routes.ts';
import { listenOn } from './socket.ts';

export interface ApiOptions {
  /** Fresh for each request. */
  readonly context: () => Promise<Context>;
  readonly version: string;
  /** One line to a person. */
  readonly tell: Tell;
  /** Default {@link BOUNDS}. */
  readonly bounds?: Bounds;
}

/**
 * Serves the API on `api.socket` of the config until `close`, which ends what is under way and removes the socket. Throws LOCKED where
 * somebody serves there already, CONFIG_INVALID where the path cannot be a socket of ours.
 */
export async function serveApi(options: ApiOptions): Promise<{ close(): Promise<void> }> {
  const context = await options.context();
  const { socket, listen } = context.config.api;
  if (listen !== null)
    options.tell(
      `warning: api.listen: this version does not serve the API on ${listen}, but only on ${socket}`,
    );
  const app = await buildApi(options);
  await app.ready();
  try {
    const listening = await listenOn(app.server, { ...context, path: socket });
    return {
      close: async () => {
        await listening.remove();
        app.server.close();
        app.server.closeAllConnections();
        await app.close();
        listening.release();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** The API that `serveApi` serves, on no socket. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const { context, version, tell, bounds = BOUNDS } = options;
  const app = await createServer(tell, bounds);
  const metrics = await createMetrics();
  const ticks = (): number => performance.now();
  const served = { context, version, metrics, documents: createDocuments(ticks) };
  app.setErrorHandler((error, request, reply) => replyError(error, { request, reply, tell }));
  app.setNotFoundHandler(replyNotFound);
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('cache-control', 'no-store');
    // Before its body is looked at.
    return request.is404 ? replyNotFound(request, reply) : undefined;
  });
  for (const route of ROUTES) register(app, route, served);
  return app;
}

function register(app: FastifyInstance, route: Route, served: Served): void {
  const { path, query: allowed, answers, answer } = route;
  app.get(path, async ({ params, query }, reply) => {
    parseQuery(allowed, query);
    const body = await answer(served, { params, query });
    if (answers === 'none') return reply.code(204).send();
    if (answers === 'text') return reply.type(served.metrics.contentType).send(body);
    return reply.type(JSON_TYPE).send(`${printableJson(body)}\n`);
  });
}
