import { runTail, type TailResult } from '../exec/run-tail.ts';
import { CowherdError, toCowherdError } from '../model/errors.ts';
import { escapeForTerminal } from '../model/names.ts';

/** One entry of `quiesce.hooks`. */
export interface Hook {
  /** true: each running container of the agent; a name: that one; false: this host. */
  readonly container: boolean | string;
  readonly pre?: readonly string[] | null;
  readonly post?: readonly string[] | null;
  readonly timeoutMs: number;
  readonly onError: 'fail' | 'continue';
}

export type HookPhase = 'pre' | 'post';

export interface HookContainer {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** What hooks need of the container engine; HOOK_FAILED on timeout. */
export interface HookPort {
  exec(
    id: string,
    argv: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
}

export interface HookRun {
  readonly hooks: readonly Hook[];
  readonly phase: HookPhase;
  readonly agent: string;
  readonly containers: readonly HookContainer[];
  readonly port: HookPort;
}

/** One command at one place: `container` null is the host. */
export interface HookStep {
  readonly argv: readonly [string, ...string[]];
  readonly container: HookContainer | null;
  readonly timeoutMs: number;
  readonly onError: Hook['onError'];
}

const KEPT_OUTPUT = 1_000;

/**
 * Runs an agent's hooks of one phase, one after the other, and returns the warnings of those that may fail. The first
 * failing `pre` ends the phase; `post` runs in reverse order, all of it, and its first failure is thrown at the end.
 * Throws HOOK_FAILED, or what the port throws. The caller runs `post` whenever it has begun `pre`.
 */
export async function runHooks(hookRun: HookRun): Promise<readonly string[]> {
  const warnings: string[] = [];
  let failure: CowherdError | null = null;
  for (const step of planHooks(hookRun)) {
    const error = await attempt(hookRun, step);
    if (error === null) continue;
    if (step.onError === 'continue') warnings.push(error.message);
    else if (hookRun.phase === 'pre') throw error;
    else failure ??= error;
  }
  if (failure !== null) throw failure;
  return warnings;
}

/** What is run where, in order. A container that is not the agent's, or does not run, has nothing to quiesce. */
export function planHooks(
  hookRun: Pick<HookRun, 'hooks' | 'phase' | 'containers'>,
): readonly HookStep[] {
  const steps = hookRun.hooks.flatMap((hook) => stepsOf(hook, hookRun));
  return hookRun.phase === 'pre' ? steps : steps.reverse();
}

function stepsOf(
  hook: Hook,
  { phase, containers }: Pick<HookRun, 'phase' | 'containers'>,
): readonly HookStep[] {
  const [file, ...args] = hook[phase] ?? [];
  if (file === undefined) return [];
  const { timeoutMs, onError } = hook;
  return placesOf(hook, containers).map((container) => ({
    argv: [file, ...args],
    container,
    timeoutMs,
    onError,
  }));
}

function placesOf(
  hook: Hook,
  containers: readonly HookContainer[],
): readonly (HookContainer | null)[] {
  if (hook.container === false) return [null];
  const running = containers.filter((container) => container.state === 'running');
  return hook.container === true
    ? running
    : running.filter((container) => container.name === hook.container);
}

async function attempt(hookRun: HookRun, step: HookStep): Promise<CowherdError | null> {
  try {
    const result =
      step.container === null
        ? await runOnHost(hookRun, step)
        : await runInContainer(hookRun.port, step.container, step);
    return result.exitCode === 0 ? null : hookFailed(hookRun.phase, step, result);
  } catch (error) {
    return asHookFailure(hookRun.phase, step, error);
  }
}

/** What a hook could not even be started for; what is wrong with the container engine keeps its own code. */
function asHookFailure(phase: HookPhase, step: HookStep, thrown: unknown): CowherdError {
  const error = toCowherdError(thrown);
  if (step.container !== null) return error;
  const message = `${phase} hook ${escapeForTerminal(step.argv[0])} on the host: ${error.message}`;
  return new CowherdError('HOOK_FAILED', message, { hint: error.hint, cause: error });
}

async function runInContainer(
  port: HookPort,
  container: HookContainer,
  step: HookStep,
): Promise<TailResult> {
  return { timedOut: false, ...(await port.exec(container.id, step.argv, step.timeoutMs)) };
}

async function runOnHost(
  { agent, phase }: HookRun,
  { argv: [file, ...args], timeoutMs }: HookStep,
): Promise<TailResult> {
  return runTail(file, args, { timeoutMs, env: { COWHERD_AGENT: agent, COWHERD_PHASE: phase } });
}

function hookFailed(
  phase: HookPhase,
  step: HookStep,
  { exitCode, timedOut, output }: TailResult,
): CowherdError {
  const where = step.container === null ? 'on the host' : `in container ${step.container.name}`;
  const how = timedOut
    ? `did not end within ${String(step.timeoutMs)} ms`
    : `exited ${String(exitCode)}`;
  const said = escapeForTerminal(output.trim().slice(-KEPT_OUTPUT));
  const file = escapeForTerminal(step.argv[0]);
  return new CowherdError(
    'HOOK_FAILED',
    `${phase} hook ${file} ${where} ${how}${said === '' ? '' : `: ${said}`}`,
    {
      hint: 'mend the hook in quiesce.hooks, or give it onError: continue',
      details: { argv: step.argv, container: step.container?.name ?? null, exitCode, timedOut },
    },
  );
}
