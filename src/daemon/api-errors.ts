import type { FastifyReply, FastifyRequest } from 'fastify';
import { CowherdError, HTTP_STATUS, toCowherdError } from '../model/errors.ts';
import { printableJson } from '../model/printable-json.ts';

/** What a document is sent as. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** An error as the API shows it, which is as the command line does. */
export function errorBody({
  code,
  message,
  hint,
  details,
}: Pick<CowherdError, 'code' | 'message' | 'hint' | 'details'>): string {
  return `${printableJson({ error: { code, message, hint, details } })}\n`;
}

/** Answers with an error; what is a defect of ours is told, too. */
export function replyError(
  thrown: unknown,
  { request, reply, tell }: { request: FastifyRequest; reply: FastifyReply; tell: Tell },
): FastifyReply {
  const refused = clientStatus(thrown);
  const error = refused === null ? toCowherdError(thrown) : notUnderstood(thrown);
  if (error.code === 'INTERNAL')
    tell(`warning: ${request.method} ${request.url.slice(0, 200)}: INTERNAL: ${error.message}`);
  return reply
    .code(refused ?? HTTP_STATUS[error.code])
    .type(JSON_TYPE)
    .send(errorBody(error));
}

export type Tell = (line: string) => void;

/** Answers that there is no such route. */
export function replyNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asked = `${request.method} ${request.url.split('?')[0]?.slice(0, 200) ?? ''}`;
  const error = new CowherdError('USAGE', `there is no ${asked}`, {
    hint: 'GET /openapi.json says what there is',
  });
  return reply.code(404).type(JSON_TYPE).send(errorBody(error));
}

/** The status by which fastify refuses a request before it has come to us, or null. */
function clientStatus(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || thrown instanceof CowherdError) return null;
  const status = 'statusCode' in thrown ? thrown.statusCode : null;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}

function notUnderstood(thrown: unknown): CowherdError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const hint = 'GET /openapi.json says what may be asked';
  return new CowherdError('USAGE', message, { hint, cause: thrown });
}
