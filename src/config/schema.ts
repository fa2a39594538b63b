import * as z from 'zod';
import { isWithin } from '../model/agent.ts';
import type { DeepReadonly } from './frozen.ts';
import { quiescePatchSchema, quiesceSchema } from './quiesce-schema.ts';
import { retentionPatchSchema, retentionSchema } from './retention-schema.ts';
import { argv, duration, hostPath, patterns, space, timezone, word } from './scalars.ts';

const docker = z
  .union(
    [z.literal('none'), z.strictObject({ socket: hostPath.prefault('/var/run/docker.sock') })],
    {
      error: 'expected none or { socket: PATH }',
    },
  )
  .transform((given) => (given === 'none' ? null : given));

const groupBy = z
  .union([z.literal('auto'), z.strictObject({ label: word }), labelText()], {
    error: 'expected auto or { label: KEY }',
  })
  .prefault('auto');

/** `label: KEY` as one string. */
function labelText() {
  return z
    .string()
    .regex(/^label: *\S+$/)
    .transform((text) => ({ label: text.replace(/^label: */, '') }));
}

const agents = z.strictObject({
  groupBy,
  include: patterns.default(['*']),
  exclude: patterns.default([]),
  paths: z
    .array(z.strictObject({ agent: word, path: hostPath }))
    .superRefine((listed, context) => {
      listed.forEach(({ path }, index) => {
        const other = listed.find((entry, at) => at !== index && isWithin(path, entry.path));
        if (other === undefined) return;
        const message = `is listed twice: it lies within ${other.path}`;
        context.addIssue({ code: 'custom', path: [index, 'path'], message });
      });
    })
    .prefault([]),
});

/** A ZFS filesystem's name (zfs-create(8)), below its pool. */
const dataset = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_.:-]*(\/[A-Za-z0-9_.:-]+)+$/,
    'expected the name of a ZFS dataset, as tank/cowherd',
  );

const schedules = z
  .array(
    z.strictObject({
      name: word,
      cron: word,
      agents: patterns.default(['*']),
      run: z.array(z.enum(['snapshot', 'prune'])).min(1),
      jitter: duration.prefault('0s'),
    }),
  )
  .superRefine((list, context) => {
    list.forEach(({ name }, index) => {
      if (list.findIndex((other) => other.name === name) === index) return;
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `${name} is there twice`,
      });
    });
  });

const url = z.url({ protocol: /^https?$/, error: 'expected an http or https address' }).nullable();

const notify = z.strictObject({
  webhook: url.default(null),
  command: argv.nullable().default(null),
  heartbeat: url.default(null),
});

const token = hostPath.nullable().default(null);

const api = z
  .strictObject({
    socket: hostPath.prefault('/run/cowherd/api.sock'),
    listen: z
      .string()
      .regex(/^[^\s:]+:\d{1,5}$|^\[[0-9A-Fa-f:]+\]:\d{1,5}$/, 'expected HOST:PORT')
      .nullable()
      .default(null),
    tokens: z.strictObject({ read: token, operate: token }).prefault({}),
  })
  .superRefine(({ listen, tokens }, context) => {
    const told = (path: string[], message: string) => {
      context.addIssue({ code: 'custom', path, message });
    };
    if (listen !== null && tokens.read === null && tokens.operate === null) {
      told(['listen'], 'TCP needs a token: set tokens.read, tokens.operate or both');
    }
    if (tokens.read !== null && tokens.read === tokens.operate) {
      told(['tokens', 'operate'], 'the tokens to read and to operate must differ');
    }
  });

const archives = hostPath.refine((path) => !path.includes('\n'), 'expected no line break in it');

/** The config file (CONTRACT.md, "Config"): every key, every default, unknown keys refused; durations become `…Ms`. */
export const configSchema = z
  .strictObject({
    host: word.optional(),
    timezone: timezone.default('UTC'),
    docker: docker.prefault({}),
    agents: agents.prefault({}),
    quiesce: quiesceSchema.prefault({}),
    retention: retentionSchema.prefault({}),
    policies: z
      .array(
        z.strictObject({
          agents: patterns.min(1, 'expected at least one name or glob'),
          retention: retentionPatchSchema.prefault({}),
          quiesce: quiescePatchSchema.prefault({}),
        }),
      )
      .prefault([]),
    schedules: schedules
      .prefault([])
      .transform((list) => list.map(({ jitter, ...rest }) => ({ ...rest, jitterMs: jitter }))),
    limits: z.strictObject({ minFree: space.prefault('10%') }).prefault({}),
    destinations: z.array(z.unknown()).max(0, 'destinations come with a later version').default([]),
    notify: notify.prefault({}),
    zfs: z.strictObject({ parent: dataset.nullable().default(null) }).prefault({}),
    archives: archives.nullable().default(null),
    api: api.prefault({}),
    state: hostPath.prefault('/var/lib/cowherd'),
  })
  .superRefine((config, context) => {
    if (config.archives === null || !`${config.archives}/`.startsWith(`${config.state}/`)) return;
    const message = `must not lie in the state directory (${config.state}): what is there may be removed`;
    context.addIssue({ code: 'custom', path: ['archives'], message });
  });

export type ParsedConfig = z.output<typeof configSchema>;

/** The config with every default in it, frozen. */
export type Config = DeepReadonly<Omit<ParsedConfig, 'host'> & { host: string }>;

export type Quiesce = Config['quiesce'];
export type Retention = Config['retention'];
export type Hook = Quiesce['hooks'][number];

/** The JSON Schema of the config file (`cowherd config schema`), for editors. */
export function jsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(configSchema, { io: 'input' });
}
