import { rm } from 'node:fs/promises';
import { deadRecords } from '../files/records.ts';
import { deadDirectories } from '../files/restore-points.ts';
import { settleRetired } from './aside.ts';
import { attach, type Home } from './home.ts';
import { deadImages, removeDeadImages } from './images.ts';
import { removeFiled } from './points.ts';
import { deadTransients, removeDeadTransients } from './transient.ts';

/** What dead runs left: half-built and half-destroyed restore points, transient images, mounts, and retired data that holds nothing any more. */
export async function findLeftovers(home: Home): Promise<readonly string[]> {
  const layout = await attach(home);
  const found = await Promise.all([
    deadImages(home.runtimeDir),
    deadDirectories(layout),
    deadTransients(layout),
    deadRecords(layout),
    settleRetired(home, true),
  ]);
  return found.flat();
}

/** Removes them; gives what it removed. */
export async function removeLeftovers(home: Home): Promise<readonly string[]> {
  const found = await findLeftovers(home);
  if (found.length === 0) return found;
  const layout = await attach(home);
  await removeDeadImages(home.runtimeDir);
  for (const directory of await deadDirectories(layout)) await removeFiled(home, directory);
  await removeDeadTransients(layout);
  for (const path of await deadRecords(layout)) await rm(path, { force: true });
  await settleRetired(home);
  return found;
}
