import { CowherdError, toCowherdError } from '../../model/errors.ts';
import { ownProperties } from './datasets.ts';
import { IN_PLACE, type Pool, type Property } from './parse.ts';
import { zfs } from './tool.ts';

/** What a dataset has while it is in place alone; set aside it has none of them, and remembers them. */
const ONLY_IN_PLACE = ['mountpoint', 'reservation', 'refreservation'] as const;
/** Decided when a dataset is made (zfsprops(7)), which a clone has from its origin, or counted by ZFS where somebody set a limit. */
const NOT_SETTABLE =
  /^(filesystem_count|snapshot_count|encryption|keyformat|keylocation|pbkdf2iters|casesensitivity|normalization|utf8only|version|volsize|volblocksize)$/;

/** Local values; what is not among them is inherited or the default. */
export type InPlace = Readonly<Record<string, string>>;

/** Of a dataset's own properties the local and user ones that a clone does not get from its origin (zfs-clone(8)): to be set on it. */
export function carried(own: readonly Property[]): readonly Property[] {
  return own.filter(
    ({ name }) => !NOT_SETTABLE.test(name) && !isInPlace(name) && name !== IN_PLACE,
  );
}

function isInPlace(name: string): boolean {
  return (ONLY_IN_PLACE as readonly string[]).includes(name);
}

/** Throws TOOL_FAILED naming a property that a new dataset does not have as it should. */
export async function expectProperties(
  dataset: string,
  wanted: readonly Property[],
): Promise<void> {
  const own = new Map((await ownProperties(dataset)).map(({ name, value }) => [name, value]));
  const different = wanted.find(({ name, value }) => own.get(name) !== value);
  if (different === undefined) return;
  const { name, value } = different;
  throw new CowherdError(
    'TOOL_FAILED',
    `${dataset} should have ${name}=${value}, and has ${own.get(name) ?? 'none'}`,
    { hint: 'nothing was changed; zfs get all tells what it has' },
  );
}

/** Of a dataset's own properties what it has in place; mount points without the pool's altroot. */
export function inPlaceOf(own: readonly Property[], { altroot }: Pool): InPlace {
  const kept = own.filter(({ name }) => isInPlace(name));
  return Object.fromEntries(
    kept.map(({ name, value }) => [
      name,
      name === 'mountpoint' ? withoutAltroot(value, altroot) : value,
    ]),
  );
}

/** Has a dataset in place remember what it has, so that setting it aside takes one step. */
export async function remember(dataset: string, pool: Pool): Promise<void> {
  await zfs(['set', remembering(inPlaceOf(await ownProperties(dataset), pool)), dataset]);
}

/** The path below the altroot that is put before it (zpoolprops(7)). */
export function withoutAltroot(path: string, altroot: string | null): string {
  if (altroot === null || !(path === altroot || path.startsWith(`${altroot}/`))) return path;
  return path.slice(altroot.length) || '/';
}

/** Makes a dataset one that nothing mounts and that reserves nothing; what was never set stays unset, since not all can be inherited again. */
export async function setAside(dataset: string, remembered: string | null): Promise<void> {
  const none = reserved(remembered).map(([name]) => `${name}=none`);
  await zfs(['set', 'mountpoint=none', ...none, dataset]);
}

/** Gives it the mount point it remembers to have in place; ZFS may mount it at once (zfsprops(7), mountpoint). */
export async function setMountpoint(dataset: string, remembered: string | null): Promise<void> {
  if (remembered === null) return;
  const { mountpoint } = parse(remembered);
  if (mountpoint === undefined) await zfs(['inherit', 'mountpoint', dataset]);
  else await zfs(['set', `mountpoint=${mountpoint}`, dataset]);
}

/** Gives it the reservations it remembers. A pool too full for them is no reason to keep its data away: they are tried again when what is in the way is gone. */
export async function reserve(dataset: string, remembered: string | null): Promise<void> {
  const set = reserved(remembered).map(([name, value]) => `${name}=${value}`);
  if (set.length === 0) return;
  await zfs(['set', ...set, dataset]).catch((error: unknown) => {
    if (toCowherdError(error).code !== 'NO_SPACE') throw error;
  });
}

function reserved(remembered: string | null): readonly (readonly [string, string])[] {
  return Object.entries(parse(remembered)).filter(([name]) => name !== 'mountpoint');
}

/** Where it is mounted when it is in place, with the pool's altroot; empty where that is inherited. */
export function rememberedPath(remembered: string | null, altroot: string | null): string {
  const { mountpoint } = parse(remembered);
  return mountpoint === undefined ? '' : `${altroot ?? ''}${mountpoint}`;
}

/** True for what is mounted by fstab or by hand: `zfs mount` refuses it (zfs-mount(8)). */
export function isLegacy(remembered: string | null): boolean {
  return ['legacy', 'none'].includes(parse(remembered)['mountpoint'] ?? '');
}

function parse(remembered: string | null): InPlace {
  return (remembered === null ? {} : JSON.parse(remembered)) as InPlace;
}

/** A property as an argument that makes a dataset remember what it is to have in place. */
export function remembering(values: InPlace): string {
  return `${IN_PLACE}=${JSON.stringify(values)}`;
}
