import { connectDocker } from '../../../src/docker/connect.ts';
import { toFailure } from '../../../src/model/errors.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { rollback } from '../../../src/usecases/rollback.ts';
import { snapshot } from '../../../src/usecases/snapshot.ts';
import { labContext } from '../context.ts';
import { EMULATED } from '../lab/emulated.ts';

// CONFIG COMMAND AGENT SNAPSHOT: the real use-cases, with a Docker client that waits seconds, not minutes. It prints the failures,
// and ends by itself only when no request is left open.

const ANSWER_MS = EMULATED ? 20_000 : 2_000;
const PATIENCE = { answerMs: ANSWER_MS, actionMs: 2 * ANSWER_MS, stopMarginMs: ANSWER_MS };

const [config = '', command = '', agent = '', point = ''] = process.argv.slice(2);
const { docker } = await loadConfig({ file: config, env: {}, hostname: 'test-host' });
const client = await connectDocker(docker?.socket ?? '', PATIENCE);
const context = await labContext({ config }, { over: { docker: () => Promise.resolve(client) } });

const work =
  command === 'snapshot'
    ? snapshot(context, { agents: [agent], tags: {}, pin: false })
    : rollback(context, {
        ...{ agent, snapshot: point, includeUsers: false, start: true, revert: true },
        healthTimeoutMs: 1_000,
      });
const { failures } = await work.catch((error: unknown) => ({ failures: [toFailure(null, error)] }));
console.log(`failures ${JSON.stringify(failures)}`);
