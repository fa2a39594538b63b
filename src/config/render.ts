import { stringify } from 'yaml';
import { formatCalendarDuration, formatDuration } from '../model/durations.ts';
import type { RetentionPolicy } from '../model/retention-policy.ts';
import { formatSpace } from '../model/sizes.ts';
import type { Config, Hook } from './schema.ts';

/** The config as a file with every default in it (`cowherd config show`); of secrets paths only, of addresses the host only. */
export function renderConfig(config: Config): string {
  return stringify(fileOf(config), { aliasDuplicateObjects: false });
}

/** The same as data, in the shape of the file. */
export function fileOf(config: Config): Readonly<Record<string, unknown>> {
  const { notify } = config;
  return {
    host: config.host,
    timezone: config.timezone,
    docker: config.docker ?? 'none',
    agents: config.agents,
    quiesce: quiesceFile(config.quiesce),
    retention: retentionFile(config.retention),
    policies: config.policies.map((policy) => ({
      agents: policy.agents,
      retention: retentionFile(policy.retention),
      quiesce: quiesceFile(policy.quiesce),
    })),
    schedules: config.schedules.map(({ jitterMs, ...schedule }) => ({
      ...schedule,
      jitter: formatDuration(jitterMs),
    })),
    limits: { minFree: formatSpace(config.limits.minFree) },
    destinations: config.destinations,
    notify: { ...notify, webhook: redacted(notify.webhook), heartbeat: redacted(notify.heartbeat) },
    zfs: config.zfs,
    archives: config.archives,
    api: config.api,
    state: config.state,
  } satisfies Record<keyof Config, unknown>;
}

type Patch = Config['policies'][number];

function quiesceFile(quiesce: Patch['quiesce']) {
  const { sqlite, freeze, maxFreezeMs, onFreezeTimeout, hooks } = quiesce;
  return {
    sqlite: sqlite && {
      enabled: sqlite.enabled,
      mode: sqlite.mode,
      busyTimeout: formatted(sqlite.busyTimeoutMs),
    },
    freeze,
    maxFreeze: formatted(maxFreezeMs),
    onFreezeTimeout,
    hooks: hooks?.map(hookFile),
  };
}

function hookFile({ container, pre, post, timeoutMs, onError }: Hook) {
  const commands = { pre: pre ?? undefined, post: post ?? undefined };
  return { container, ...commands, timeout: formatDuration(timeoutMs), onError };
}

function retentionFile({ rules, safetyForMs, ...rest }: Patch['retention']) {
  return {
    ...(rules === null ? {} : rulesFile(rules)),
    ...rest,
    safetyFor: formatted(safetyForMs),
  };
}

function rulesFile({ counts, within, tags }: RetentionPolicy) {
  const spans: Record<string, string> = {};
  for (const [rule, span] of Object.entries(within)) spans[rule] = formatCalendarDuration(span);
  return { ...counts, ...spans, ...(tags.length > 0 ? { tags } : {}) };
}

function formatted(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : formatDuration(ms);
}

/** Addresses of hooks are secrets themselves: only where they lead is shown. */
function redacted(address: string | null): string | null {
  return address === null ? null : `${new URL(address).origin}/…`;
}
