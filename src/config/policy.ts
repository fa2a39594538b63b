import { matchesAny } from '../model/globs.ts';
import type { Config, Quiesce, Retention } from './schema.ts';

export interface EffectivePolicy {
  readonly quiesce: Quiesce;
  readonly retention: Retention;
}

type Patch = Config['policies'][number];

/**
 * What holds for an agent: the first policy that matches its name over the config's own. Its counts, durations
 * and tags replace all of those above; everything else merges by key.
 */
export function policyFor(config: Config, agentName: string): EffectivePolicy {
  const policy = config.policies.find(({ agents }) => matchesAny(agentName, agents));
  if (policy === undefined) return { quiesce: config.quiesce, retention: config.retention };
  return {
    quiesce: mergeQuiesce(config.quiesce, policy.quiesce),
    retention: mergeRetention(config.retention, policy.retention),
  };
}

function mergeQuiesce(base: Quiesce, over: Patch['quiesce']): Quiesce {
  return {
    sqlite: {
      enabled: over.sqlite?.enabled ?? base.sqlite.enabled,
      mode: over.sqlite?.mode ?? base.sqlite.mode,
      busyTimeoutMs: over.sqlite?.busyTimeoutMs ?? base.sqlite.busyTimeoutMs,
    },
    freeze: over.freeze ?? base.freeze,
    maxFreezeMs: over.maxFreezeMs ?? base.maxFreezeMs,
    onFreezeTimeout: over.onFreezeTimeout ?? base.onFreezeTimeout,
    hooks: over.hooks ?? base.hooks,
  };
}

function mergeRetention(base: Retention, over: Patch['retention']): Retention {
  return {
    rules: over.rules ?? base.rules,
    minimum: over.minimum ?? base.minimum,
    maxDestroyRatio: over.maxDestroyRatio ?? base.maxDestroyRatio,
    safetyForMs: over.safetyForMs ?? base.safetyForMs,
  };
}
