import * as z from 'zod';
import { EXIT_STATUS, type ErrorCode } from '../model/errors.ts';
import { RUN_COMMANDS, RUN_OUTCOMES } from '../model/run.ts';

const CODES = Object.keys(EXIT_STATUS) as ErrorCode[];

const failureSchema = z.object({
  agent: z.string().nullable(),
  code: z.enum(CODES),
  message: z.string(),
  hint: z.string(),
});

/** A line of the history; `owner` names the process whose run it is, `occasion` what it is a part of. */
export const runLineSchema = z.object({
  id: z.string(),
  owner: z.string(),
  occasion: z.string().nullable().default(null),
  command: z.enum(RUN_COMMANDS),
  trigger: z.enum(['manual', 'schedule', 'event']),
  schedule: z.string().nullable(),
  occurrence: z.string().nullable(),
  event: z.string().nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  outcome: z.enum(RUN_OUTCOMES),
  reason: z.string().nullable(),
  snapshots: z.array(z.string()),
  destroyed: z.int().nonnegative(),
  frozenMs: z.number().nullable(),
  failures: z.array(failureSchema),
  filesystems: z.array(z.object({ id: z.string(), freeBytes: z.number(), sizeBytes: z.number() })),
});

export const progressSchema = z.object({
  occurrence: z.string(),
  /** Names its run, however often that was begun: no other has it. */
  run: z.string().default(''),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** How often this occurrence was begun, those times left out when its process was told to end. */
  attempts: z.int().nonnegative(),
  /** Counts what was written, whatever the clock says. */
  turn: z.int().nonnegative().default(0),
});

export type Kept = Readonly<z.infer<typeof progressSchema>>;

/** How far a schedule has got: its newest occurrence that was begun. */
export type Progress = Omit<Kept, 'turn'>;
