import type { DatabaseFlaw, Manifest, RecordedDatabase } from '../model/manifest.ts';
import { decodeName, escapeForTerminal } from '../model/names.ts';
import type { Cause, SqliteRow } from '../model/snapshot.ts';
import { newestOf } from './coverage.ts';
import { finding, someOf, type Finding } from './finding.ts';
import type { PlacedAgent } from './host.ts';
import type { RestorePoint } from './restore-points.ts';

/**
 * What an agent's newest restore point tells of contents that were left alone because they could do harm, and names that are not
 * what they seem; at most a few findings for each of its volumes. Nothing is looked at but the manifest.
 */
export function hostileFindings(
  agent: PlacedAgent,
  points: readonly RestorePoint[],
): readonly Finding[] {
  const manifest = newestOf(agent, points)?.manifest;
  const volumes = agent.placements.map(({ volume }) => volume);
  const found = manifest === undefined ? [] : volumes.flatMap((name) => inVolume(manifest, name));
  return [
    ...nameFindings(agent),
    ...found.map(({ code, severity, ...rest }) =>
      finding(code, severity, { agent: agent.name, ...rest }),
    ),
  ];
}

type Found = Pick<Finding, 'code' | 'severity' | 'volume' | 'message' | 'mend'>;

const LOOK = 'see what put it there; every restore point holds it as it is';

function inVolume(manifest: Manifest, volume: string): readonly Found[] {
  const rows = manifest.sqlite.filter((row) => row.volume === volume);
  const databases = manifest.databases.filter((database) => database.volume === volume);
  const caused = (...causes: Cause[]): readonly SqliteRow[] =>
    rows.filter(({ cause }) => cause !== undefined && causes.includes(cause));
  const flawed = (...flaws: DatabaseFlaw[]): readonly RecordedDatabase[] =>
    databases.filter(({ flaw }) => flaw !== undefined && flaws.includes(flaw));
  const damaged = caused('damaged', 'stuck');
  const why = damaged[0]?.note ?? '';
  const unopened = `SQLite cannot work with ${pathsOf(damaged)} of ${volume} (${why}): no checkpoint, the best grade is "frozen"`;
  const pretending = `${pathsOf(flawed('header'))} of ${volume} says it is a SQLite database and is none: it was not opened`;
  const linked = `${pathsOf(flawed('links', 'beside'))} of ${volume} is a SQLite database with a link in place of it or beside it: it was not opened`;
  const left = caused('limit');
  const late = `${String(left.length)} SQLite databases of ${volume} got no checkpoint, because there are too many of them or they take too long (${pathsOf(left)})`;
  const unsearched = manifest.volumes.filter((one) => one.name === volume && one.unsearched);
  const crowd = `not all SQLite databases of ${volume} are known: there are too many of them or of its files, or some cannot be read; the best grade is "frozen"`;
  const about = { volume, mend: LOOK };
  return [
    ...some(damaged, { ...about, code: 'HOSTILE_DATABASE', severity: 'warn', message: unopened }),
    ...some(flawed('header'), { ...about, ...PRETENDING, message: pretending }),
    ...some(flawed('links', 'beside'), { ...about, ...LINKED, message: linked }),
    ...some(left, { ...about, ...PRETENDING, message: late }),
    ...some(unsearched, { ...about, ...PRETENDING, message: crowd }),
  ];
}

const PRETENDING = { code: 'HOSTILE_DATABASE', severity: 'info' } as const;
const LINKED = { code: 'HOSTILE_LINKS', severity: 'info' } as const;

function some(of: readonly unknown[], found: Found): readonly Found[] {
  return of.length === 0 ? [] : [found];
}

const SHOWN_CHARS = 80;

function pathsOf(of: readonly { readonly path: string }[]): string {
  return someOf(
    of.map(({ path }) => (path.length > SHOWN_CHARS ? `${path.slice(0, SHOWN_CHARS)}…` : path)),
  );
}

/** Agents' names come from labels, which may hold anything; ours are escaped, and so never a path or a terminal's command. */
function nameFindings({ name, aliases }: PlacedAgent): readonly Finding[] {
  return [name, ...aliases].filter(isHostile).map((encoded) => {
    const said = JSON.stringify(decodeName(encoded));
    const message = `a label or Compose project is called ${said}, which looks like a path or speaks to terminals: it is only used as ${encoded}`;
    const mend = 'if you did not choose that name, see who starts these containers';
    return finding('HOSTILE_NAME', 'info', { agent: name, message, mend });
  });
}

function isHostile(encoded: string): boolean {
  const raw = decodeName(encoded);
  return /[/\uFFFD]/.test(raw) || /^\.\.?$/.test(raw) || escapeForTerminal(raw) !== raw;
}
