import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY = join(import.meta.dirname, '../../../config');

/** The services that Cowherd brings, by file name. */
export const SERVICES = [
  'cowherd-recover.service',
  'cowherd.service',
  'cowherd-run-due.service',
] as const;
/** What starts the last of them. */
export const TIMER = 'cowherd-run-due.timer';

export type UnitName = (typeof SERVICES)[number] | typeof TIMER;
export const UNITS: readonly UnitName[] = [...SERVICES, TIMER];

export function unitText(name: UnitName): string {
  return readFileSync(join(DIRECTORY, name), 'utf8');
}

/** All values of a setting, in the section it has to be in. */
export function values(name: UnitName, section: string, key: string): string[] {
  const body =
    unitText(name)
      .split(/^\[/m)
      .find((part) => part.startsWith(`${section}]`)) ?? '';
  return [...body.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

/** The capabilities it leaves, as `sys_admin`. */
export function capabilities(name: UnitName): readonly string[] {
  const words = values(name, 'Service', 'CapabilityBoundingSet').flatMap((line) => line.split(' '));
  return words.map((word) => word.replace(/^CAP_/, '').toLowerCase());
}

/** Arguments of setpriv(1) for a program that is to have no more than the service has. */
export function limits(name: UnitName): readonly string[] {
  const bounding = ['-all', ...capabilities(name).map((one) => `+${one}`)].join(',');
  return [`--bounding-set=${bounding}`, '--inh-caps=-all', '--no-new-privs'];
}
