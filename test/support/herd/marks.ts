/** What one volume of an agent of the herd bears (agent.sh): write number `n` of its history, by which life, after which. */
export interface Mark {
  readonly n: number;
  readonly life: string;
  readonly before: string;
}

/** The marks of workspace, public and shared volume, as text. */
export type Marks = readonly [string, string, string];

/** A start of an agent, from its log. */
export interface Birth {
  readonly agent: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly life: string;
  /** What it found; empty at its very first start. */
  readonly found: Marks;
}

/** The numbers of a mark, or null for what is none. */
export function parseMark(text: string): Mark | null {
  const [, n, life, before] = /^(\d{10}) (\S+) (\S+)$/.exec(text.trim()) ?? [];
  return life === undefined || before === undefined ? null : { n: Number(n), life, before };
}

/** True for marks that an agent can have had at one moment: what is written first is ahead by one write at most. */
export function isCut(marks: Marks): boolean {
  if (marks.every((text) => text.trim() === '')) return true;
  const [workspace, open, shared] = marks.map(parseMark);
  if (!workspace || !open || !shared) return false;
  const steps = [follows(workspace, open), follows(open, shared)];
  return !steps.includes('no') && steps.filter((step) => step === 'next').length <= 1;
}

function follows(later: Mark, earlier: Mark): 'same' | 'next' | 'no' {
  if (later.n === earlier.n) return later.life === earlier.life ? 'same' : 'no';
  return later.n === earlier.n + 1 && later.before === earlier.life ? 'next' : 'no';
}

/** The starts in what `docker logs --timestamps` gave. */
export function parseBirths(agent: string, log: string): readonly Birth[] {
  return log.split('\n').flatMap((line) => {
    const [, at = '', life = '', workspace = '', open = '', shared = ''] =
      /^(\S+) born ([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)$/.exec(line) ?? [];
    return at === '' ? [] : [{ agent, at: Date.parse(at), life, found: [workspace, open, shared] }];
  });
}
