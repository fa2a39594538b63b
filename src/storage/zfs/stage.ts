import { mkdir } from 'node:fs/promises';
import type { Tree } from '../../model/transaction.ts';
import type { Placement, StageRequest, StageSource } from '../driver.ts';
import { besidePath } from '../files/layout.ts';
import { compareTrees } from '../tree/compare-tree.ts';
import { copyTree, type CopyOptions } from '../tree/copy-tree.ts';
import { childrenOf, ownProperties, propertyOf } from './datasets.ts';
import { ensureParent, type Home } from './home.ts';
import { withDirectory, withMounted } from './images.ts';
import { asideName, componentOf, datasetOf, nameInPlace } from './names.ts';
import {
  carried,
  expectProperties,
  inPlaceOf,
  remembering,
  withoutAltroot,
  type InPlace,
} from './properties.ts';
import { VOLUME } from './snapshots.ts';
import { treeAtPath } from './swap.ts';
import { zfs } from './tool.ts';

type FromImage = Extract<StageSource, { from: 'image' }>;

/** Prepares the new data of a volume where `installTree` takes it from. Throws NO_SPACE, IO_ERROR, TOOL_FAILED. */
export async function stageTree(home: Home, request: StageRequest): Promise<Tree> {
  const { source } = request;
  if (request.kind === 'directory') return stageDirectory(home, request);
  if (source.from === 'image') return stageClone(home, request, source);
  return stageCopy(home, request);
}

/** A clone of an image with everything set on the dataset it will replace, or on the image's where that is no dataset. */
async function stageClone(
  home: Home,
  { transaction, volume }: StageRequest,
  { location }: FromImage,
): Promise<Tree> {
  const like = volume.isolated ? volume.dataset : null;
  const own = await ownProperties(like ?? datasetOf(location));
  const properties = carried(own).filter(({ name }) => name !== VOLUME);
  const wanted = [...properties, { name: VOLUME, value: volume.volume, source: 'local' }];
  const name = asideName(like ?? (await freeName(home, volume)), transaction, 'new');
  const values = like === null ? newInPlace(home, volume) : inPlaceOf(own, home.pool);
  const options = wanted.map((property) => `${property.name}=${property.value}`);
  await zfs(['clone', ...setting([...options, ...asideWith(values)]), location, name]);
  await expectProperties(name, wanted);
  return identified(name);
}

/** A new dataset below the parent, which gives it its properties, with a copy of the volume's directory in it. */
async function stageCopy(home: Home, request: StageRequest): Promise<Tree> {
  const { transaction, volume } = request;
  const name = asideName(await freeName(home, volume), transaction, 'new');
  const options = [`${VOLUME}=${volume.volume}`, ...asideWith(newInPlace(home, volume))];
  await zfs(['create', ...setting(options), name]);
  const mounts = { sources: [name], mode: 'rw' } as const;
  await withMounted(home.runtimeDir, mounts, async ([target = '']) =>
    withDirectory(home.runtimeDir, volume.mountpoint, async (root) => fill(request, root, target)),
  );
  return identified(name);
}

async function stageDirectory(home: Home, request: StageRequest): Promise<Tree> {
  const { transaction, volume, source } = request;
  const target = besidePath(home.layout, transaction, volume.pathInFs, 'new');
  await mkdir(target, { mode: 0o700 });
  const { runtimeDir } = home;
  await withDirectory(runtimeDir, target, async (copy) => {
    if (source.from === 'live')
      return withDirectory(runtimeDir, volume.mountpoint, async (root) =>
        fill(request, root, copy),
      );
    const mounts = { sources: [source.location], mode: 'ro' } as const;
    return withMounted(runtimeDir, mounts, async ([root = '']) => fill(request, root, copy));
  });
  const tree = await treeAtPath(target);
  if (tree === null) throw new Error(`staged data vanished: ${target}`);
  return tree;
}

/** Both are mounted for us alone, so that no link is followed that somebody puts there meanwhile. */
async function fill({ signal }: StageRequest, root: string, target: string): Promise<void> {
  const options: CopyOptions = {
    sharing: 'copied',
    ...(signal === undefined ? {} : { signal }),
  };
  await copyTree(root, target, options);
  await compareTrees(root, target, options);
}

/** What a dataset has that becomes a volume's for the first time. */
function newInPlace({ pool }: Home, { mountpoint }: Placement): InPlace {
  return { mountpoint: withoutAltroot(mountpoint, pool.altroot) };
}

function asideWith(values: InPlace): readonly string[] {
  return ['mountpoint=none', remembering(values)];
}

function setting(options: readonly string[]): readonly string[] {
  return options.flatMap((option) => ['-o', option]);
}

/** The name a new dataset will have in place: the volume's, with a number where a former incarnation has that. */
async function freeName({ parent }: Home, { volume }: Placement): Promise<string> {
  await ensureParent(parent);
  const children = (await childrenOf(parent)).map(({ name }) => name);
  const taken = new Set(children.flatMap((name) => [name, nameInPlace(name) ?? name]));
  const wanted = `${parent}/${componentOf(volume)}`;
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? wanted : `${wanted}-${String(count)}`;
    if (!taken.has(name)) return name;
  }
}

async function identified(dataset: string): Promise<Tree> {
  const guid = await propertyOf(dataset, 'guid');
  if (guid === null) throw new Error(`staged data vanished: ${dataset}`);
  return { kind: 'dataset', guid };
}
