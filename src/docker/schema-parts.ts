import * as z from 'zod';
import { CowherdError } from '../model/errors.ts';
import type { ContainerState } from '../model/agent.ts';
import { normalPath } from '../model/listed-volume.ts';

/** Docker's JSON as far as it is used: null or absent fields get a harmless value, unknown ones are ignored. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
export const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0);
export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
export const labels = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((map): Record<string, string> => {
    const entries = Object.entries(map ?? {});
    return Object.fromEntries(
      entries.map(([key, value]) => [key, typeof value === 'string' ? value : '']),
    );
  });

/** Podman's further states, by what they mean to a freeze; what nobody knows may have processes. */
const STATES: Readonly<Record<string, ContainerState>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
  configured: 'created',
  initialized: 'created',
  stopped: 'exited',
};

export const state = text.transform(
  (value): ContainerState => STATES[value.toLowerCase()] ?? 'running',
);

const mount = z
  .object({ Type: text, Name: text, Source: text, Destination: text, RW: z.boolean().nullish() })
  .transform((raw) => ({
    type: raw.Type,
    volume: raw.Type === 'volume' && raw.Name !== '' ? raw.Name : null,
    source: raw.Source === '' ? '' : normalPath(raw.Source),
    destination: raw.Destination,
    writable: raw.RW ?? true,
  }));

export const mounts = z
  .array(mount)
  .nullish()
  .transform((list) => list ?? []);

/** Docker's answer in the shape it should have; TOOL_FAILED when it has another. */
export function parseAnswer<T>(schema: z.ZodType<T>, answer: unknown, what: string): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  throw new CowherdError(
    'TOOL_FAILED',
    `Docker's answer to "${what}" is not understood (${where})`,
    {
      hint: 'does docker.socket in the config lead to a Docker Engine 20.10 or newer?',
      cause: parsed.error,
    },
  );
}
