import {
  documentJsonSchema,
  DOCUMENTS,
  queryJsonSchemas,
  type DocumentName,
} from './api-schemas.ts';
import type { Route } from './routes.ts';

type Json = Readonly<Record<string, unknown>>;

/** The API as OpenAPI 3.1 describes it, made of the schemas that its documents are tested against. */
export function openApi(routes: readonly Route[], version: string): Json {
  const names = Object.keys(DOCUMENTS) as DocumentName[];
  return {
    openapi: '3.1.0',
    info: { title: 'Cowherd', version },
    paths: Object.fromEntries(
      routes.map((route) => [pathOf(route.path), { get: operation(route) }]),
    ),
    components: {
      schemas: Object.fromEntries(names.map((name) => [name, documentJsonSchema(name)])),
    },
  };
}

/** `/v1/agents/:name` as `/v1/agents/{name}`. */
function pathOf(path: string): string {
  return path.replaceAll(/:(\w+)/g, '{$1}');
}

function operation(route: Route): Json {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
  }));
  const inQuery = queryJsonSchemas(route.query).map(([name, schema]) => ({
    ...{ name, in: 'query', required: false, schema },
  }));
  return {
    summary: route.summary,
    parameters: [...inPath, ...inQuery],
    responses: {
      ...answered(route.answers),
      default: { description: 'What went wrong.', content: json(reference('Error')) },
    },
  };
}

function answered(answers: Route['answers']): Json {
  if (answers === 'none') return { '204': { description: 'No content.' } };
  return { '200': { description: 'Done.', content: contentOf(answers) } };
}

function contentOf(answers: Exclude<Route['answers'], 'none'>): Json {
  if (answers === 'text') return { 'text/plain': { schema: { type: 'string' } } };
  return json(answers === 'openapi' ? { type: 'object' } : reference(answers));
}

function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

function reference(name: DocumentName): Json {
  return { $ref: `#/components/schemas/${name}` };
}
