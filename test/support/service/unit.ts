import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The unit that recovers at boot. */
export const UNIT_FILE = join(import.meta.dirname, '../../../config/cowherd-recover.service');
export const UNIT = readFileSync(UNIT_FILE, 'utf8');

/** All values of a setting, in the section it has to be in. */
export function values(section: string, key: string): string[] {
  const body = UNIT.split(/^\[/m).find((part) => part.startsWith(`${section}]`)) ?? '';
  return [...body.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

/** The capabilities it leaves, as `sys_admin`. */
export function capabilities(): readonly string[] {
  const words = values('Service', 'CapabilityBoundingSet').flatMap((line) => line.split(' '));
  return words.map((word) => word.replace(/^CAP_/, '').toLowerCase());
}
