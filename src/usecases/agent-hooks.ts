import { policyFor } from '../config/policy.ts';
import type { Docker, ExecResult } from '../docker/docker.ts';
import { CowherdError } from '../model/errors.ts';
import { runHooks, type HookPhase } from '../quiesce/hooks.ts';
import type { Context } from './context.ts';
import type { PlacedAgent } from './host.ts';

/** Runs an agent's hooks of one phase; those that may fail are told. Throws HOOK_FAILED. */
export async function runAgentHooks(
  context: Context,
  docker: Docker | null,
  { agent, phase }: { agent: PlacedAgent; phase: HookPhase },
): Promise<void> {
  const { quiesce } = policyFor(context.config, agent.name);
  const hooks = quiesce.hooks.map(({ pre, post, ...rest }) => ({
    ...rest,
    ...(pre === null ? {} : { pre }),
    ...(post === null ? {} : { post }),
  }));
  const exec = async (
    id: string,
    argv: readonly string[],
    timeoutMs: number,
  ): Promise<ExecResult> => {
    if (docker === null) throw withoutDocker();
    return docker.exec(id, argv, timeoutMs);
  };
  const { name, containers } = agent;
  const warnings = await runHooks({ hooks, phase, agent: name, containers, port: { exec } });
  for (const warning of warnings) context.tell(`warning: ${warning}`);
}

function withoutDocker(): CowherdError {
  return new CowherdError(
    'DOCKER_UNREACHABLE',
    'a hook runs in a container, but Docker is switched off',
    {
      hint: 'set docker.socket in the config, or make it a hook of this host (container: false)',
    },
  );
}
