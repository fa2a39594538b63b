import type * as z from 'zod';
import { nearest } from '../model/nearest.ts';
import { jsonSchema } from './schema.ts';

export type Path = readonly (string | number)[];

/** Something wrong in the config file: where in the document, and what. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** Every problem of a refused document, unknown keys one by one and with what was probably meant. */
export function problemsOf(issues: readonly Issue[], base: Path = []): readonly Problem[] {
  return issues.flatMap((issue): readonly Problem[] => {
    const path = [...base, ...issue.path.map(step)];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
    const inner = issue.code === 'invalid_union' ? issue.errors.find(isDeeper) : undefined;
    if (inner !== undefined) return problemsOf(inner, path);
    return [{ path, message: issue.message }];
  });
}

/** The member of a union that somebody meant is the one that complains of a part, not of the whole. */
function isDeeper(issues: readonly Issue[]): boolean {
  return issues.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys');
}

function step(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part);
}

function unknownKey(path: Path, key: string): Problem {
  const guess = nearest(key, knownKeys(jsonSchema(), path));
  const meant = guess === null ? '' : `, did you mean ${guess}?`;
  return { path: [...path, key], message: `there is no such key${meant}` };
}

/** The keys that a JSON Schema knows at a path. */
function knownKeys(schema: unknown, path: Path): readonly string[] {
  const [head, ...rest] = path;
  const options = [schema, ...list(member(schema, 'anyOf'))];
  return options.flatMap((option) => {
    const properties = member(option, 'properties');
    if (head === undefined)
      return typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
    const next = typeof head === 'number' ? member(option, 'items') : member(properties, head);
    return next === undefined ? [] : knownKeys(next, rest);
  });
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What stands at a path of a document; undefined where nothing does. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (part, key) =>
      typeof part === 'object' && part !== null
        ? Object.getOwnPropertyDescriptor(part, key)?.value
        : undefined,
    value,
  );
}
