import { flushCompileCache } from 'node:module';
import { toFailure } from '../../../src/model/errors.ts';
import { convert } from '../../../src/usecases/adopt.ts';
import { pruneIds } from '../../../src/usecases/prune.ts';
import { recover } from '../../../src/usecases/recover.ts';
import { rollback } from '../../../src/usecases/rollback.ts';
import { snapshot } from '../../../src/usecases/snapshot.ts';
import type { Context } from '../../../src/usecases/context.ts';
import { labContext } from '../context.ts';
import { withKillSwitch, type KillAt } from './switch.ts';

// The real use-cases on the real store and Docker, in a process that kills itself at the n-th change:
// CONFIG COMMAND AGENT SNAPSHOT N before|during|full DELAY-MS FILL STEP. It prints each change it begins.

const [
  config = '',
  command = '',
  agent = '',
  point = '',
  at = '',
  when = '',
  delay = '',
  fill = '',
  step = '',
] = process.argv.slice(2);
// A process that is killed saves nothing for the next one, and where the machine is emulated loading takes the most of its life.
flushCompileCache();

const context = await withKillSwitch(await labContext({ config }), {
  at: Number(at),
  when: when as KillAt['when'],
  delayMs: Number(delay),
  fill,
  step,
});

const conversion = { agents: [agent], includeUsers: true, despiteSnapshots: true };
const commands: Readonly<Record<string, (context: Context) => Promise<unknown>>> = {
  recover,
  prune: async (on) => pruneIds(on, { ids: point.split(','), dryRun: false, force: true }),
  snapshot: async (on) => snapshot(on, { agents: [agent], tags: {}, pin: false }),
  adopt: async (on) => convert(on, { ...conversion, kind: 'adopt' }),
  unadopt: async (on) => convert(on, { ...conversion, kind: 'unadopt' }),
  rollback: async (on) =>
    rollback(on, {
      ...{ agent, snapshot: point, includeUsers: true, start: true, revert: true },
      healthTimeoutMs: 1_000,
    }),
};

const report = await commands[command]?.(context).catch((error: unknown) => ({
  failures: [toFailure(agent, error)],
}));
console.log(`done ${JSON.stringify(report)}`);
