import { suite } from '../suite.ts';
import type { Placement, Store } from '../../../src/storage/driver.ts';
import type { ContractFilesystem } from '../contract/filesystem.ts';
import { fresh, freshId, published, telling } from '../contract/parts.ts';
import { describeZfs } from '../contract/zfs.ts';
import { makeTestPool, type TestPool } from './pool.ts';
import { say } from './tools.ts';

export interface ZfsGiven {
  test: TestPool;
  fs: ContractFilesystem;
  store: Store;
}

/** A suite with a pool of its own, removed whatever happens. */
export function zfsSuite(topic: string) {
  const tests = suite<ZfsGiven>(`zfs: ${topic}`);
  tests.before(async (given) => {
    given.test = await makeTestPool();
    given.fs = describeZfs(given.test);
    given.store = await given.fs.open();
  });
  tests.after(async ({ test }) => test?.remove());
  return telling(tests);
}

/** An isolated volume that no other call gives. */
export async function volumeOf({ fs }: ZfsGiven, word: string): Promise<Placement> {
  return fs.volume(fresh(word), true);
}

/** Takes a restore point for each word that the volume says in turn; gives their ids. */
export async function pointsOf(
  { store }: ZfsGiven,
  volume: Placement,
  words: readonly string[],
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const word of words) {
    say(volume, word);
    const id = freshId();
    await published(store, [volume], { id });
    ids.push(id);
  }
  return ids;
}
