import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { mountOf } from '../../src/model/mountinfo.ts';
import { readMounts } from '../../src/storage/mounts.ts';
import { fresh } from '../support/contract/parts.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { requireZfs } from '../support/zfs/available.ts';
import { zfsSuite } from '../support/zfs/suite.ts';

requireZfs();

const test = zfsSuite('live data');

/** What is started to look into a tree or to write one. */
const TOOLS = ['cp', 'find', 'lsattr', 'getfattr', 'perl', 'du', 'xargs', 'chattr'];
const A_SECOND_OF_COPYING = (EMULATED ? 16 : 64) * 1024 * 1024;

for (const isolated of [true, false])
  for (const kind of ['dataset', 'directory'] as const)
    test(`no link is followed where ${isolated ? 'an isolated' : 'a plain'} volume becomes a ${kind}`, async ({
      fs,
      store,
      test: { runtimeDir },
    }) => {
      const volume = await fs.volume(fresh('live'), isolated);
      writeFileSync(join(volume.mountpoint, 'data'), randomBytes(A_SECOND_OF_COPYING));
      const transaction = fresh('live');
      const seen = await placesSeen(async () => {
        await store.expectCopyable(volume, new AbortController().signal);
        await store.measure(volume);
        await store.stage({ transaction, volume, kind, source: { from: 'live' } });
      });
      assert.ok(seen.has(`cp in ${runtimeDir}: nosymfollow`), [...seen].join('\n'));
      assert.equal(
        [...seen].filter((one) => !one.endsWith(` in ${runtimeDir}: nosymfollow`)),
        [],
      );
      const mounted = (await readMounts()).map(({ mountPoint }) => mountPoint);
      assert.not.ok(mounted.some((path) => path.startsWith(`${runtimeDir}/images/`)));
    });

test.run();

/** By what kind of mount the tools that run meanwhile reach what they are to look at. */
async function placesSeen(work: () => Promise<void>): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const state = { ended: false };
  const end = work().finally(() => (state.ended = true));
  while (!state.ended) {
    const mounts = await readMounts();
    for (const { tool, place } of readers()) {
      const mount = mountOf(place, mounts);
      const how = mount?.options.includes('nosymfollow') === true ? 'nosymfollow' : 'any link';
      const within = /^(.*\/run)\/images\//.exec(place)?.[1] ?? place;
      seen.add(`${tool} in ${within}: ${how}`);
    }
    await after(3);
  }
  await end;
  return seen;
}

/** Those of our own children, with the paths that they were given, or else the directory they work in. */
function readers(): readonly { tool: string; place: string }[] {
  return childrenOf(process.pid).flatMap((pid) => {
    try {
      const [tool = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (!TOOLS.includes(tool)) return [];
      const paths = args.filter((arg) => arg.startsWith('/'));
      const places = paths.length > 0 ? paths : [readlinkSync(`/proc/${pid}/cwd`)];
      return places.map((place) => ({ tool, place }));
    } catch {
      return []; // it has ended
    }
  });
}

function childrenOf(parent: number): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        / [A-Z] (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] === String(parent)
      );
    } catch {
      return false;
    }
  });
}
