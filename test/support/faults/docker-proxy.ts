import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { rmSync } from 'node:fs';
import { answerBadly, isAnsweredFirst, type Fault } from './fault.ts';

/** Which calls go wrong, and how. */
export interface Spoil {
  /** A kind of call as {@link kindOfCall} names it. */
  readonly kind: string;
  /** The n-th such call from now on, from 1. */
  readonly nth: number;
  /** All calls of whatever kind after it too: Docker does not come back by itself. */
  readonly lasting?: boolean;
  readonly fault: Fault;
}

/** A proxy in front of Docker's socket that answers as it should until it is told otherwise. */
export interface DockerProxy {
  readonly socket: string;
  /** The kinds of the calls since the last `heal`, in order. */
  readonly seen: readonly string[];
  /** How many of them went wrong. */
  readonly spoilt: () => number;
  spoil(how: Spoil): void;
  /** All is well again; who still waits for an answer is cut off. */
  heal(): void;
  close(): Promise<void>;
}

/** `GET /containers/*\/json`: a method and an address without what names one container, image or exec. */
export function kindOfCall(method: string, url: string): string {
  const [path = ''] = url.replace(/^\/v[\d.]+/, '').split('?');
  const bare = path.replace(/^\/(containers|images|exec)\/(?!json$|create$)[^/]+/, '/$1/*');
  return `${method} ${bare}`;
}

/** Starts one on a socket beside what it stands before. */
export async function startDockerProxy(target: string, socket: string): Promise<DockerProxy> {
  const seen: string[] = [];
  let how: Spoil | null = null;
  let left = 0;
  let spoilt = 0;
  const isSpoilt = (kind: string): boolean => {
    if (how === null) return false;
    if (left <= 0) return how.lasting ?? false;
    if (kind === how.kind) left -= 1;
    return left === 0 && kind === how.kind;
  };
  const server = createServer((request, response) => {
    const kind = kindOfCall(request.method ?? '', request.url ?? '');
    seen.push(kind);
    const bad = isSpoilt(kind) ? (how?.fault ?? null) : null;
    if (bad !== null) spoilt += 1;
    if (bad === null) forward(target, request, (answer) => passOn(answer, response));
    else if (!isAnsweredFirst(bad)) answerBadly(bad, response);
    else
      forward(target, request, (answer) =>
        answer.resume().on('end', () => {
          answerBadly(bad, response);
        }),
      );
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    seen,
    spoilt: () => spoilt,
    spoil: (next) => {
      how = next;
      left = next.nth;
    },
    heal: () => {
      how = null;
      spoilt = 0;
      seen.length = 0;
      server.closeAllConnections();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(socket, { force: true });
    },
  };
}

function forward(
  target: string,
  request: IncomingMessage,
  then: (answer: IncomingMessage) => void,
): void {
  const { method, url, headers } = request;
  const onward = httpRequest(
    { socketPath: target, method, path: url, headers, agent: false },
    then,
  );
  onward.on('error', () => request.socket.destroy());
  request.pipe(onward);
}

function passOn(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 500, answer.headers);
  response.flushHeaders();
  answer.pipe(response);
}
