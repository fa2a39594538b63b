import type { ServerResponse } from 'node:http';

/** How an answer goes wrong; of `performed-…` the call itself is done, only its answer is not what it should be. */
export const FAULTS = [
  'hang',
  'hang-in-body',
  'performed-hang',
  'performed-reset',
  'reset',
  'error-json',
  'error-html',
  'garbage',
  'truncated-json',
  'broken-off',
  'wrong-shape',
  'endless',
] as const;
export type Fault = (typeof FAULTS)[number];

const JSON_TYPE = { 'content-type': 'application/json' };
const CHUNK = Buffer.alloc(1 << 20, ' ');
/** A gigabyte. */
const CHUNKS = 1024;

/** True where Docker is to do what it was asked before the answer is spoilt. */
export function isAnsweredFirst(fault: Fault): boolean {
  return fault.startsWith('performed-');
}

/** Answers like that. One that hangs is cut off when its connection is closed. */
export function answerBadly(fault: Fault, response: ServerResponse): void {
  const answers: Readonly<Record<Fault, () => void>> = {
    hang: () => undefined,
    'performed-hang': () => undefined,
    'hang-in-body': () => response.writeHead(200, JSON_TYPE).write('[{"Id":'),
    reset: () => response.socket?.destroy(),
    'performed-reset': () => response.socket?.destroy(),
    'error-json': () => response.writeHead(500, JSON_TYPE).end('{"message":"no luck today"}'),
    'error-html': () =>
      response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
    garbage: () => response.writeHead(200, JSON_TYPE).end(Buffer.from([0, 255, 254, 1, 27, 91])),
    'truncated-json': () => response.writeHead(200, JSON_TYPE).end('[{"Id":"0123", "Names":['),
    'broken-off': () => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': 4096 });
      response.write('[{"Id":"0123",', () => response.socket?.destroy());
    },
    'wrong-shape': () => response.writeHead(200, JSON_TYPE).end('{"Id":7,"Volumes":"none"}'),
    endless: () => {
      response.writeHead(200, JSON_TYPE);
      pour(response, CHUNKS);
    },
  };
  answers[fault]();
}

/** As fast as it is read. */
function pour(response: ServerResponse, left: number): void {
  if (left === 0) response.end();
  else
    response.write(CHUNK, (error) => {
      if (!error) pour(response, left - 1);
    });
}
