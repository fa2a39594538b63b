import * as z from 'zod';
import { EXIT_STATUS } from '../model/errors.ts';
import { GRADES } from '../model/snapshot.ts';

// The JSON documents of CONTRACT.md. Fields are only ever added: these are loose, and name what is promised.

const code = z.enum(Object.keys(EXIT_STATUS) as [keyof typeof EXIT_STATUS]);
const tier = z.enum(['zfs', 'btrfs', 'reflink', 'tar', 'unsupported']);
const time = z.iso.datetime();
const id = z.string().regex(/^[A-Za-z0-9_.%~-]{1,128}@\d{8}T\d{6}Z(-[1-9]\d*)?$/);
const failure = z.looseObject({
  agent: z.string().nullable(),
  code,
  message: z.string(),
  hint: z.string(),
});
const failures = z.array(failure);

/** `cowherd agents --json`. */
export const agentsSchema = z.looseObject({
  agents: z.array(
    z.looseObject({
      name: z.string(),
      containers: z.array(z.looseObject({ id: z.string(), name: z.string(), state: z.string() })),
      volumes: z.array(
        z.looseObject({
          name: z.string(),
          role: z.string(),
          mountpoint: z.string(),
          filesystem: z.string(),
          tier,
          isolated: z.boolean(),
          dataset: z.string(),
          users: z.array(z.string()),
        }),
      ),
      lastSnapshot: id.nullable(),
    }),
  ),
  failures: failures.optional(),
});

const sqliteRow = z.looseObject({
  volume: z.string(),
  path: z.string(),
  pathBase64: z.string().optional(),
  mode: z.enum(['passive', 'truncate']),
  busy: z.number().int(),
  log: z.number().int(),
  checkpointed: z.number().int(),
  note: z.string().optional(),
  cause: z.string().optional(),
});

const liveDatabase = z.looseObject({
  volume: z.string(),
  path: z.string(),
  pathBase64: z.string().optional(),
  whole: z.boolean(),
  note: z.string().optional(),
  cause: z.string().optional(),
});

/** One restore point, as `snapshot` and `snapshots` show it. */
export const snapshotSchema = z.looseObject({
  id,
  agent: z.string(),
  createdAt: time,
  grade: z.enum(GRADES),
  atRest: z.boolean(),
  frozenMs: z.number().nonnegative(),
  pinned: z.boolean(),
  safety: z.boolean(),
  tags: z.record(z.string(), z.string()),
  volumes: z.array(
    z.looseObject({ name: z.string(), tier, guid: z.string(), location: z.string() }),
  ),
  sqlite: z.array(sqliteRow),
  liveDatabases: z.array(liveDatabase).optional(),
});

/** `cowherd snapshot --json`. */
export const snapshotReportSchema = z.looseObject({
  snapshots: z.array(snapshotSchema),
  skipped: z.array(
    z.looseObject({
      agent: z.string(),
      volume: z.string(),
      code: z.literal('TIER_UNSUPPORTED'),
      message: z.string(),
      partial: z.literal(true).optional(),
    }),
  ),
  failures,
});

/** `cowherd snapshots --json`. */
export const snapshotsSchema = z.looseObject({
  snapshots: z.array(snapshotSchema),
  failures: failures.optional(),
});

/** `cowherd rollback --json`. */
export const rollbackSchema = z.looseObject({
  agent: z.string(),
  snapshot: id.nullable(),
  safety: id.nullable(),
  outcome: z.enum(['rolled-back', 'reverted', 'failed', 'refused']),
  agentState: z.enum(['running', 'stopped', 'partial']).nullable(),
  downMs: z.number().nonnegative().nullable(),
  swapMs: z.number().nonnegative().nullable(),
  failures,
});

/** adopt, unadopt, pin, unpin, recover, thaw, config check. */
export const resultsSchema = z.looseObject({
  results: z.array(z.looseObject({ agent: z.string(), outcome: z.string() })),
  failures,
});

/** Any `--dry-run`. */
export const planSchema = z.looseObject({
  plan: z.array(z.looseObject({ step: z.string(), agent: z.string(), text: z.string() })),
  failures,
});

/** `doctor --json` and `status --json`. */
export const findingsSchema = z.looseObject({
  findings: z.array(
    z.looseObject({
      code: z.string(),
      severity: z.enum(['info', 'warn', 'error']),
      agent: z.string().nullable(),
      volume: z.string().nullable(),
      filesystem: z.string().optional(),
      message: z.string(),
      mend: z.string().nullable(),
    }),
  ),
  agents: z.array(z.looseObject({ name: z.string() })),
});

const agent = z.string().optional();
const reasons = z.array(z.string()).min(1);

/** `cowherd prune --json`. */
export const pruneSchema = z.looseObject({
  keep: z.array(z.looseObject({ id, agent, time, reasons, until: time.optional() })),
  destroy: z.array(z.looseObject({ id, agent, time })),
  failures,
  frees: z
    .array(z.object({ filesystem: z.string(), bytes: z.int().nonnegative().nullable() }))
    .optional(),
});

/** `cowherd retention --json`: an id is a time as it was given. */
export const retentionSchema = z.looseObject({
  keep: z.array(z.looseObject({ id: z.string(), time, reasons, until: time.optional() })),
  destroy: z.array(z.looseObject({ id: z.string(), time })),
  failures: z.array(failure).max(0),
});

/** What every command prints where nothing was attempted. */
export const errorSchema = z.looseObject({
  error: z.looseObject({ code, message: z.string(), hint: z.string(), details: z.looseObject({}) }),
});
