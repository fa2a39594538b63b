import * as z from 'zod';
import { CowherdError } from '../model/errors.ts';
import { runLineSchema } from '../state/run-schema.ts';
import {
  agentsSchema,
  errorSchema,
  findingsSchema,
  snapshotsSchema,
} from '../usecases/document-schema.ts';

// Fields are only ever added: documents are loose, queries are not.

const DEFAULT_LIMIT = 100;
const MOST_LIMIT = 1000;
const MOST_CHARACTERS = 1000;

const nextCursor = z.string().nullable();

const statusSchema = findingsSchema.extend({
  agents: z.array(
    z.looseObject({
      name: z.string(),
      lastSnapshot: z.string().nullable(),
      lastSnapshotAt: z.iso.datetime().nullable(),
      ageMs: z.number().nullable(),
      restorePoints: z.int(),
      pinned: z.int(),
      protected: z.boolean(),
      grade: z.string().nullable(),
    }),
  ),
  filesystems: z.array(
    z.looseObject({ id: z.string(), freeBytes: z.number(), sizeBytes: z.number() }),
  ),
});

const runSchema = z.looseObject(runLineSchema.omit({ owner: true }).shape);

/** The documents of the API, by the names that `/openapi.json` calls them. */
export const DOCUMENTS = {
  Status: statusSchema,
  Agents: agentsSchema,
  Snapshots: snapshotsSchema.extend({ nextCursor }),
  Runs: z.looseObject({ runs: z.array(runSchema), nextCursor }),
  Error: errorSchema,
} as const;

export type DocumentName = keyof typeof DOCUMENTS;

const text = z.string().min(1).max(MOST_CHARACTERS);

const page = {
  limit: z
    .string()
    .regex(/^\d+$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(MOST_LIMIT))
    .default(DEFAULT_LIMIT)
    .describe('How many at most.'),
  cursor: text.optional().describe('`nextCursor` of the page before.'),
};

/** What may be asked of a route after `?`. */
export const QUERIES = {
  none: z.strictObject({}),
  page: z.strictObject(page),
  snapshots: z.strictObject({ agent: text.optional().describe('A name or a glob.'), ...page }),
} as const;

export type QueryName = keyof typeof QUERIES;
export type PageQuery = z.infer<(typeof QUERIES)['page']>;

/** Time and id of the last item of a page. */
export const cursorSchema = z.tuple([z.iso.datetime(), z.string()]);

/** What was asked after `?`. Throws USAGE that names each parameter that is wrong. */
export function parseQuery<N extends QueryName>(
  name: N,
  query: unknown,
): z.infer<(typeof QUERIES)[N]> {
  const parsed = QUERIES[name].safeParse({ ...Object(query) });
  if (parsed.success) return parsed.data as z.infer<(typeof QUERIES)[N]>;
  const problems = parsed.error.issues.map(({ path, message }) =>
    [...path.map(String), message].join(': '),
  );
  throw new CowherdError('USAGE', problems.join('; '), {
    hint: 'GET /openapi.json says what may be asked',
    cause: parsed.error,
  });
}

type Json = Readonly<Record<string, unknown>>;

/** A document's JSON Schema (2020-12), as OpenAPI 3.1 has it. */
export function documentJsonSchema(name: DocumentName): Json {
  return plain(z.toJSONSchema(DOCUMENTS[name]));
}

/** Each parameter of a query with its JSON Schema. */
export function queryJsonSchemas(name: QueryName): readonly (readonly [string, Json])[] {
  const properties = z.toJSONSchema(QUERIES[name]).properties ?? {};
  return Object.entries(properties).map(([key, schema]) => [key, plain(schema)] as const);
}

function plain(schema: unknown): Json {
  const entries = Object.entries(Object(schema) as Json);
  return Object.fromEntries(entries.filter(([key]) => key !== '$schema'));
}
