import * as z from 'zod';
import { argv, duration, positiveDuration, word } from './scalars.ts';

const sqlite = {
  enabled: z.boolean(),
  mode: z.enum(['passive', 'truncate']),
  busyTimeout: duration,
};

const hook = z
  .strictObject({
    container: z
      .union([z.boolean(), word], {
        error: 'expected true (each running container), the name of one, or false (this host)',
      })
      .default(true),
    pre: argv.optional(),
    post: argv.optional(),
    timeout: positiveDuration.prefault('30s'),
    onError: z.enum(['fail', 'continue']).default('fail'),
  })
  .refine(
    (given) => given.pre !== undefined || given.post !== undefined,
    'expected pre, post or both',
  )
  .transform(({ timeout, pre, post, ...rest }) => ({
    ...rest,
    pre: pre ?? null,
    post: post ?? null,
    timeoutMs: timeout,
  }));

const shape = {
  freeze: z.enum(['auto', 'pause', 'none']),
  maxFreeze: positiveDuration,
  onFreezeTimeout: z.enum(['fail', 'crash', 'live', 'stop']),
  hooks: z.array(hook),
};

/** `quiesce:` with every default in it. */
export const quiesceSchema = z
  .strictObject({
    sqlite: z
      .strictObject({
        enabled: sqlite.enabled.default(true),
        mode: sqlite.mode.default('passive'),
        busyTimeout: sqlite.busyTimeout.prefault('300ms'),
      })
      .transform(({ busyTimeout, ...rest }) => ({ ...rest, busyTimeoutMs: busyTimeout }))
      .prefault({}),
    freeze: shape.freeze.default('auto'),
    maxFreeze: shape.maxFreeze.prefault('3s'),
    onFreezeTimeout: shape.onFreezeTimeout.default('fail'),
    hooks: shape.hooks.prefault([]),
  })
  .transform(({ maxFreeze, ...rest }) => ({ ...rest, maxFreezeMs: maxFreeze }));

/** `quiesce:` of a policy: only what it changes. */
export const quiescePatchSchema = z
  .strictObject({ sqlite: z.strictObject(sqlite).partial(), ...shape })
  .partial()
  .transform(({ maxFreeze, sqlite: given, ...rest }) => ({
    ...rest,
    sqlite: given && { enabled: given.enabled, mode: given.mode, busyTimeoutMs: given.busyTimeout },
    maxFreezeMs: maxFreeze,
  }));
