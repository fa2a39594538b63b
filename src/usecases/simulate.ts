import { CowherdError } from '../model/errors.ts';
import { applyPolicy } from '../model/retention.ts';
import type { RetentionPolicy } from '../model/retention-policy.ts';
import { parseTime } from '../model/rfc3339.ts';
import { zoneOf, type Zone } from '../model/zone.ts';
import { untilOf, type KeptLine, type PruneLine } from './prune-document.ts';

/** `cowherd retention --json`: the document of a prune, where an id is a time as it was given. */
export interface SimulationDocument {
  readonly keep: readonly Omit<KeptLine, 'agent'>[];
  readonly destroy: readonly Omit<PruneLine, 'agent'>[];
  readonly failures: readonly [];
}

export interface Simulation {
  /** RFC 3339 times, one a line, in any order; equal ones are snapshots of their own. */
  readonly text: string;
  readonly policy: RetentionPolicy;
  readonly nowMs: number;
  /** IANA name of a time zone. */
  readonly timezone: string;
}

/** What a policy alone would keep of snapshots of these times, newest first. Throws USAGE, POLICY_EMPTY. */
export function simulate({ text, policy, nowMs, timezone }: Simulation): SimulationDocument {
  const candidates = candidatesIn(text);
  const judged = applyPolicy(candidates, policy, { nowMs, zone: zoneNamed(timezone) });
  const line = ({ id, atMs }: { id: string; atMs: number }): Omit<PruneLine, 'agent'> => ({
    id,
    time: new Date(atMs).toISOString(),
  });
  return {
    keep: judged
      .filter(({ reasons }) => reasons.length > 0)
      .map(({ candidate, reasons, staysMs }) => ({
        ...line(candidate),
        reasons,
        ...untilOf(staysMs, nowMs),
      })),
    destroy: judged
      .filter(({ reasons }) => reasons.length === 0)
      .map(({ candidate }) => line(candidate)),
    failures: [],
  };
}

function candidatesIn(text: string) {
  return text.split('\n').flatMap((line, index) => {
    const id = line.trim();
    return id === '' ? [] : [{ id, atMs: timeOf(id, `line ${index + 1}`), tags: [] }];
  });
}

/** An RFC 3339 time in milliseconds; `where` names it. Throws USAGE. */
export function timeOf(text: string, where: string): number {
  const atMs = parseTime(text);
  if (atMs !== null) return atMs;
  throw new CowherdError('USAGE', `${where}: ${text.slice(0, 80)} is no RFC 3339 time`, {
    hint: 'write it as 2026-11-22T11:05:03Z',
  });
}

function zoneNamed(name: string): Zone {
  try {
    return zoneOf(name);
  } catch (cause) {
    throw new CowherdError('USAGE', `there is no time zone ${name}`, {
      hint: 'expected UTC, or a name such as Europe/Berlin',
      cause,
    });
  }
}
