import type { Finding } from '../usecases/finding.ts';
import { escapeForTerminal } from '../model/names.ts';

/** Findings for a person, worst first as given, each with what mends it. */
export function findingLines(findings: readonly Finding[]): string {
  return findings.map((found) => lines(found)).join('\n');
}

function lines({ code, severity, agent, volume, message, mend }: Finding): string {
  const where = [agent, volume].filter((part) => part !== null).join('/');
  const head = `${severity.padEnd(5)} ${code}${where === '' ? '' : ` ${escapeForTerminal(where)}`}: ${escapeForTerminal(message)}`;
  return mend === null ? head : `${head}\n      mend: ${escapeForTerminal(mend)}`;
}
