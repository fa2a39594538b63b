import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Capture, Image, Placement } from '../../src/storage/driver.ts';
import type { Replacement } from '../../src/storage/live-copies.ts';
import { contractSuite, fresh, published, reading, freshId } from '../support/contract/parts.ts';
import { makePlain } from '../support/contract/plain.ts';
import { printOf } from '../support/contract/tree.ts';
import { requireLab } from '../support/lab/available.ts';
import { AGENT_UID } from '../support/lab/image.ts';

requireLab();

const never = new AbortController().signal;
const MOVING = new Set(['agent']);

function filled({ mountpoint }: Placement): (name: string) => string {
  const at = (name: string): string => join(mountpoint, name);
  mkdirSync(at('dir/inner'), { recursive: true });
  for (const path of ['dir/a', 'dir/inner/b', 'db', 'db-wal', 'other'])
    writeFileSync(at(path), path);
  chownSync(at('db'), AGENT_UID, AGENT_UID);
  chmodSync(at('db'), 0o640);
  return at;
}

/** What a replacement of `db` is: its contents come from a scratch directory, its log goes. */
async function replacement(capture: Capture, contents: string): Promise<Replacement> {
  const from = join((await capture.live?.scratch()) ?? '', 'copy');
  writeFileSync(from, contents, { mode: 0o600 });
  return { path: Buffer.from('db'), from, without: [Buffer.from('db-wal'), Buffer.from('db-shm')] };
}

for (const filesystem of ['ext4', 'xfs'] as const) {
  const test = contractSuite(
    { name: filesystem, makeFilesystem: async () => makePlain(filesystem) },
    'copies of what is written meanwhile',
  );

  test('a replaced file has its contents from elsewhere, its owner and mode of old, and nothing beside it', async ({
    fs,
    store,
  }) => {
    const volume = await fs.volume(fresh('replaced'), false);
    filled(volume);
    const capture = await store.capture([{ key: 'agent', volumes: [volume] }]);
    try {
      await capture.flush(false);
      await capture.take(never, MOVING);
      assert.ok(capture.live);
      const copied = capture.live.location(volume.volume);
      assert.is(readFileSync(join(copied, 'db-wal'), 'utf8'), 'db-wal');
      await capture.live.replace(volume.volume, [await replacement(capture, 'from elsewhere')]);
      await expectReplaced(capture, await capture.finish('agent'));
    } finally {
      await capture.discard('agent');
      await capture.close();
    }
    assert.equal(await store.leftovers(), []);

    async function expectReplaced(taken: Capture, [image]: readonly Image[]): Promise<void> {
      const location = taken.location('agent', image?.image ?? '');
      await reading(store, location, (root) => {
        assert.is(readFileSync(join(root, 'db'), 'utf8'), 'from elsewhere');
        const { uid, gid, mode } = statSync(join(root, 'db'));
        assert.equal([uid, gid, mode & 0o7777], [AGENT_UID, AGENT_UID, 0o640]);
        assert.not(existsSync(join(root, 'db-wal')));
        assert.is(readFileSync(join(root, 'dir/inner/b'), 'utf8'), 'dir/inner/b');
      });
    }
  });

  for (const cut of ['in the end', 'cut short before it is archived'])
    test(`the next capture of a still volume shows it as it is, after one that was ${cut}`, async ({
      fs,
      store,
    }) => {
      const volume = await fs.volume(fresh('healed'), false);
      const at = filled(volume);
      await published(store, [volume], { id: freshId() });
      const capture = await store.capture([{ key: 'agent', volumes: [volume] }]);
      await capture.flush(false);
      await capture.take(never, MOVING);
      await capture.live?.replace(volume.volume, [await replacement(capture, 'torn no more')]);
      if (cut === 'in the end') await capture.finish('agent');
      await capture.discard('agent');
      await capture.close();
      rmSync(at('other'));
      const second = freshId();
      const { volumes } = await published(store, [volume], { id: second });
      const [point] = await store.list((id) => id === second);
      const location = point?.locations[volumes[0]?.image ?? ''] ?? '';
      assert.equal(await reading(store, location, printOf), await printOf(volume.mountpoint));
      assert.is(readFileSync(at('db'), 'utf8'), 'db');
    });

  test('what goes, comes and becomes something else while it is copied fails nothing, and what stays is there', async ({
    fs,
    store,
  }) => {
    const volume = await fs.volume(fresh('churning'), false);
    const at = filled(volume);
    let on = true;
    const churn = (async () => {
      for (let n = 0; on; n += 1) {
        mkdirSync(at(`churn-${String(n)}/deep`), { recursive: true });
        writeFileSync(at(`churn-${String(n)}/deep/file`), 'x'.repeat(n % 5_000));
        if (n > 3) rmSync(at(`churn-${String(n - 3)}`), { recursive: true });
        renameSync(at('dir/inner'), at('dir/turned'));
        symlinkSync('/etc', at('dir/inner'));
        rmSync(at('dir/inner'));
        renameSync(at('dir/turned'), at('dir/inner'));
        await new Promise(setImmediate);
      }
    })();
    try {
      for (let round = 0; round < 5; round += 1) {
        const capture = await store.capture([{ key: 'agent', volumes: [volume] }]);
        await capture.flush(false);
        await capture.take(never, MOVING);
        const [image] = await capture.finish('agent');
        await reading(store, capture.location('agent', image?.image ?? ''), (root) => {
          for (const name of ['db', 'dir/a', 'other'])
            assert.is(readFileSync(join(root, name), 'utf8'), name);
        });
        await capture.discard('agent');
        await capture.close();
      }
    } finally {
      on = false;
      await churn;
    }
    assert.equal(await store.leftovers(), []);
  });

  test.run();
}
