import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError } from '../../../src/model/errors.ts';
import { planHooks, runHooks, type Hook, type HookPhase } from '../../../src/quiesce/hooks.ts';

const containers = [
  { id: '1', name: 'one', state: 'running' },
  { id: '2', name: 'two', state: 'running' },
  { id: '3', name: 'three', state: 'exited' },
];

function hook(more: Partial<Hook>): Hook {
  return { container: true, pre: null, post: null, timeoutMs: 5_000, onError: 'fail', ...more };
}

/** A container engine in which every command exits as its last argument says. */
function engine() {
  const log: string[] = [];
  const exec = (id: string, argv: readonly string[]) => {
    log.push(`${id}:${argv.join(' ')}`);
    return Promise.resolve({ exitCode: Number(argv.at(-1)), output: 'said \u001b[31m' });
  };
  return { log, port: { exec } };
}

function plan(hooks: readonly Hook[], phase: HookPhase): readonly string[] {
  const steps = planHooks({ hooks, phase, containers });
  return steps.map(({ container, argv }) => `${container?.name ?? 'host'}:${argv.join(' ')}`);
}

const hookRun = (hooks: readonly Hook[], phase: HookPhase, { port } = engine()) =>
  runHooks({ hooks, phase, agent: 'alpha', containers, port });

const failureOf = async (run: Promise<unknown>): Promise<CowherdError> => {
  const error = await run.catch((thrown: unknown) => thrown);
  assert.instance(error, CowherdError);
  return error as CowherdError;
};

test('a hook runs in each running container, in the named one, or on the host', () => {
  const pre = ['x'];
  assert.equal(plan([hook({ pre })], 'pre'), ['one:x', 'two:x']);
  assert.equal(plan([hook({ pre, container: 'two' })], 'pre'), ['two:x']);
  assert.equal(plan([hook({ pre, container: false })], 'pre'), ['host:x']);
  assert.equal(
    plan([hook({ pre, container: 'three' }), hook({ pre, container: 'other' })], 'pre'),
    [],
  );
  assert.equal(plan([hook({ pre })], 'post'), []);
});

test('post hooks run in the reverse order', () => {
  const hooks = [hook({ post: ['a'] }), hook({ post: ['b'], container: false })];
  assert.equal(plan(hooks, 'post'), ['host:b', 'two:a', 'one:a']);
});

test('the first failing pre hook ends the phase and says what it was', async () => {
  const { log, port } = engine();
  const hooks = [hook({ pre: ['sync', '7'] }), hook({ pre: ['never', '0'] })];
  const error = await failureOf(hookRun(hooks, 'pre', { log, port }));
  assert.is(error.code, 'HOOK_FAILED');
  assert.is(error.message, 'pre hook sync in container one exited 7: said \\x1b[31m');
  assert.equal(log, ['1:sync 7']);
});

test('a hook that may fail becomes a warning', async () => {
  const warnings = await hookRun([hook({ pre: ['x', '1'], onError: 'continue' })], 'pre');
  assert.is(warnings.length, 2);
  assert.match(warnings[0] ?? '', /^pre hook x in container one exited 1/);
});

test('all post hooks run though one fails, and the failure is not lost', async () => {
  const { log, port } = engine();
  const hooks = [hook({ post: ['a', '0'] }), hook({ post: ['b', '1'] })];
  const error = await failureOf(hookRun(hooks, 'post', { log, port }));
  assert.match(error.message, /post hook b in container two exited 1/);
  assert.equal(log, ['2:b 1', '1:b 1', '2:a 0', '1:a 0']);
});

test('a host hook knows its agent and phase', async () => {
  const check = ['sh', '-c', '[ "$COWHERD_AGENT $COWHERD_PHASE" = "alpha pre" ]'];
  assert.equal(await hookRun([hook({ container: false, pre: check })], 'pre'), []);
});

test('a host hook that never ends or is not there fails', async () => {
  const slow = hook({ container: false, pre: ['sleep', '60'], timeoutMs: 100 });
  const error = await failureOf(hookRun([slow], 'pre'));
  assert.is(error.code, 'HOOK_FAILED');
  assert.is(error.details['timedOut'], true);
  const missing = await failureOf(hookRun([hook({ container: false, pre: ['nonesuch'] })], 'pre'));
  assert.is(missing.code, 'HOOK_FAILED');
});

test.run();
