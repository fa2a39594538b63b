import type { Document, Node } from 'yaml';
import { LineCounter, isAlias, isCollection, isMap, isScalar, parseDocument } from 'yaml';
import type { Path } from './problems.ts';

/** Where something stands in a text, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as plain values that remember where they stood. */
export interface SourceDocument {
  /** Undefined when it is not YAML. */
  readonly value: unknown;
  /** What is not YAML in it: syntax, duplicate keys, tabs as indentation, unknown tags. */
  readonly faults: readonly (Position & { readonly message: string })[];
  /** The key (or list entry) at a path, or the nearest thing around it that is written down. */
  positionOf(path: Path): Position;
}

/** Reads a YAML text; an empty one is an empty map. Throws nothing. */
export function readDocument(text: string): SourceDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults = [...document.errors, ...document.warnings].map((fault) => ({
    ...at(fault.pos[0]),
    message: fault.message,
  }));
  const positionOf = (path: Path): Position => at(offsetOf(document, path));
  if (faults.length > 0) return { value: undefined, faults, positionOf };
  try {
    return { value: document.toJS() ?? {}, faults, positionOf };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { value: undefined, faults: [{ line: 1, column: 1, message }], positionOf };
  }
}

function offsetOf(document: Document, path: Path): number {
  let node = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    const child = childOf(resolved(node, document), step);
    if (child === null) break;
    offset = child.offset;
    node = child.node;
  }
  return offset;
}

interface Child {
  readonly node: Node | null;
  readonly offset: number;
}

function childOf(node: Node | null, step: string | number): Child | null {
  if (isMap<Node, Node | null>(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
    return pair === undefined ? null : { node: pair.value, offset: pair.key.range?.[0] ?? 0 };
  }
  if (!isCollection(node)) return null;
  const item = node.items[Number(step)] as Node | undefined;
  return item === undefined ? null : { node: item, offset: item.range?.[0] ?? 0 };
}

function resolved(node: Node | null, document: Document): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}
