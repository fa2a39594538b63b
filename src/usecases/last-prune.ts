import { mkdir } from 'node:fs/promises';
import { CowherdError, toCowherdError } from '../model/errors.ts';
import { parseTime } from '../model/rfc3339.ts';
import { isAhead } from '../model/snapshot-id.ts';
import { readIfThere, writeDurably } from '../exec/durable.ts';
import type { Context } from './context.ts';

/**
 * Refuses to judge ages by a clock that is more than a minute before the last prune, unless forced; where no prune is on record,
 * or none that can be read, that is told. Throws CLOCK_SUSPECT.
 */
export async function expectClock(context: Context, force: boolean): Promise<void> {
  const last = await lastPrune(context);
  const now = context.now();
  if (last === null || !isAhead(last, now.getTime())) return;
  const said = `the clock says ${now.toISOString()}, which is before the last prune, ${new Date(last).toISOString()}`;
  const hint = 'set the clock (timedatectl); where it is right now, insist with --force';
  if (!force) throw new CowherdError('CLOCK_SUSPECT', said, { hint });
  context.tell(`warning: CLOCK_SUSPECT: ${said}`);
}

/** Notes that a prune runs now. Where that fails it is told: it keeps nobody from pruning. */
export async function notePrune(context: Context): Promise<void> {
  try {
    await mkdir(context.config.state, { recursive: true, mode: 0o700 });
    await writeDurably(recordIn(context), `${context.now().toISOString()}\n`);
  } catch (error) {
    const { code, message } = toCowherdError(error);
    context.tell(`warning: ${code}: the time of this prune could not be noted: ${message}`);
  }
}

async function lastPrune(context: Context): Promise<number | null> {
  const path = recordIn(context);
  const text = await readIfThere(path).catch(() => '');
  const last = text === null ? null : parseTime(text.trim());
  const blind = 'a clock that went back since the last prune would not be noticed';
  if (text === null) context.tell(`warning: no earlier prune is on record: ${blind}`);
  else if (last === null) context.tell(`warning: ${path} cannot be read: ${blind}`);
  return last;
}

function recordIn({ config }: Context): string {
  return `${config.state}/last-prune`;
}
