import type { Failure } from '../model/errors.ts';
import type { Output } from './invocation.ts';
import { escapeForTerminal } from '../model/names.ts';
import { tellFailures } from './render.ts';
import { statusOf } from './status.ts';

export interface ResultsDocument {
  readonly results: readonly { readonly agent: string; readonly outcome: string }[];
  readonly failures: readonly Failure[];
}

/** Shows a `{"results","failures"}` document; its exit status. `nothing` is said when there is neither. */
export function showResults(output: Output, document: ResultsDocument, nothing: string): number {
  const { results, failures } = document;
  if (output.json) output.document(document);
  else {
    for (const { agent, outcome } of results)
      output.print(`${escapeForTerminal(agent)}: ${outcome}`);
    if (results.length === 0 && failures.length === 0) output.print(nothing);
    tellFailures(failures);
  }
  return statusOf(failures, results.length);
}
