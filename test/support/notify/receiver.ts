import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** One request as it came, and the connection to answer it on. */
export interface Received {
  readonly head: string;
  readonly body: string;
  readonly socket: Socket;
}

export interface Receiver {
  /** With a name and a password, a path and a query, all of which are secret. */
  readonly address: string;
  readonly origin: string;
  readonly received: readonly Received[];
  /** What follows is answered so. */
  readonly answers: (answer: Answer) => void;
  readonly close: () => Promise<void>;
}

export type Answer = (received: Received) => void;

/** A whole answer of a well-behaved server. */
export const status =
  (code: number, headers = ''): Answer =>
  ({ socket }) => {
    socket.end(`HTTP/1.1 ${code} X\r\n${headers}content-length: 2\r\nconnection: close\r\n\r\nok`);
  };

/** What must never be seen in a message. */
export const SECRET = /user-1f0e|pass-3b5d|hook-5d41|token-7d79/;

/** A server on loopback that does to each request whatever it is told to. */
export async function startReceiver(answer: Answer = status(200)): Promise<Receiver> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let current = answer;
  const server: Server = createServer((socket) => {
    let text = '';
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += chunk.toString();
      const [head = '', body] = text.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body === undefined || Buffer.byteLength(body) < length) return;
      text = '';
      const request = { head, body, socket };
      received.push(request);
      current(request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://user-1f0e:pass-3b5d@127.0.0.1:${port}/hook-5d41?token-7d79`,
    origin: `http://127.0.0.1:${port}`,
    received,
    answers: (next) => (current = next),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
