// A program that freezes one plain container and captures until it is told to stop, for tests that kill it.
import { bracket } from '../../../src/quiesce/bracket.ts';
import { createGuard } from '../../../src/quiesce/guard.ts';
import { toCowherdError } from '../../../src/model/errors.ts';
import { dockerPort, plainPort } from './port.ts';

interface ClientOptions {
  readonly container: { readonly id: string; readonly name: string; readonly pid: number };
  readonly runtimeDir: string;
  readonly maxFreezeMs: number;
  /** By docker pause through this socket; default by the cgroup. */
  readonly socket?: string;
}

const { container, runtimeDir, maxFreezeMs, socket } = JSON.parse(
  process.argv[2] ?? '',
) as ClientOptions;
const guard = createGuard();
const say = (word: string) => process.stdout.write(`${word}\n`);

try {
  await bracket({
    mode: socket === undefined ? 'auto' : 'pause',
    runtimeDir,
    maxFreezeMs,
    containers: [container],
    port: socket === undefined ? plainPort([container]) : await dockerPort(socket),
    guard,
    flush: () => Promise.resolve(),
    capture: (signal) => {
      say(`frozen ${guard.start()}`);
      return new Promise((_, reject) => {
        const timer = setInterval(() => undefined, 1_000);
        signal.addEventListener('abort', () => {
          clearInterval(timer);
          reject(new Error('stopped'));
        });
      });
    },
    now: () => performance.timeOrigin + performance.now(),
  });
  say('captured');
} catch (error) {
  say(toCowherdError(error).code);
}
