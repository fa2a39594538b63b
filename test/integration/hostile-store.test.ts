import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { TransactionRecord } from '../../src/model/transaction.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { codes, listed, take } from '../support/cycle/commands.ts';
import { addDisk, type Disk } from '../support/cycle/second-disk.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireFilesystem, requireLab } from '../support/lab/available.ts';
import { AGENT_IMAGE } from '../support/lab/image.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { storeOf } from '../support/store.ts';

requireLab();
requireFilesystem('btrfs', 'stores that lie in what may be a volume');

let lab: Lab;
let disk: Disk;
let alpha: Agent;
/** A directory of the second filesystem that somebody has listed. */
let listedThere: { config: string };

test.before(async () => {
  lab = await startLab();
  disk = await addDisk(lab);
  alpha = await lab.startAgent({ name: 'alpha' });
  mkdirSync(join(disk.mnt, 'data'));
  writeFileSync(join(disk.mnt, 'data/file'), 'x');
  const paths = [{ agent: 'beside', path: join(disk.mnt, 'data') }];
  listedThere = { config: lab.writeConfig('beside', { agents: { paths } }) };
});

test.after(async () => {
  await disk.remove();
  await lab.stop();
});

/** A transaction of alpha that never was: reverting it would stop its container, and start it no more. */
function forged(): TransactionRecord {
  const { ino } = lstatSync(join(disk.mnt, 'data'));
  const old = { kind: 'directory', guid: String(ino) } as const;
  const volume = { name: 'v', fsId: disk.fsUuid, pathInFs: '/data', old };
  const { id, container: name } = alpha;
  return {
    ...{ format: 1, id: '1-1-forged', kind: 'rollback', agent: 'alpha', phase: 'stopping' },
    ...{ createdAt: '2026-11-22T11:05:03Z', snapshot: null, safety: null, start: true },
    volumes: [{ ...volume, new: { kind: 'directory', guid: 'none' } }],
    containers: [{ id, name, ran: false, paused: false, unhealthy: false }],
    dependents: [],
  };
}

const FORGE = `umask 077; cd /disk; mkdir -p .cowherd/transactions "$1"
printf %s "$2" > .cowherd/transactions/1-1-forged.json; printf %s "$3" > "$1/manifest.json"`;

/** Writes that and a restore point that never was, as root in a container that has the whole filesystem as its volume. */
async function forge(): Promise<void> {
  const { snapshots } = await take(lab, ['alpha']);
  const id = 'alpha@20990101T000000Z';
  const manifest = { ...manifestOf(snapshots[0]?.id ?? ''), id, home: disk.fsUuid };
  const texts = [JSON.stringify(forged()), JSON.stringify(manifest)];
  const script = ['sh', '-c', FORGE, 'sh', `.cowherd/snapshots/${id}`, ...texts];
  await lab.docker(['exec', 'intruder', ...script]);
}

function manifestOf(id: string): object {
  const text = readFileSync(join(storeOf(lab), 'snapshots', id, 'manifest.json'), 'utf8');
  return JSON.parse(text) as object;
}

async function runIntruder(mount: string): Promise<void> {
  const argv = ['run', '-d', '--network', 'none', '--name', 'intruder', '--user', '0', '-v', mount];
  await lab.docker([...argv, AGENT_IMAGE, 'sleep', '10000']);
}

/** Findings about the store that are no agent's, or this one's. */
async function hostile(agent: string, options = {}): Promise<readonly string[]> {
  const argv = ['doctor', agent, '--json'];
  const { findings } = (await lab.cowherd<DoctorDocument>(argv, options)).json;
  return findings.filter(({ code }) => code === 'HOSTILE_STORE').map(({ severity }) => severity);
}

async function expectRefused(agent: string, options = {}): Promise<void> {
  const argv = ['snapshot', agent, '--json'];
  const { exitCode, json } = await lab.cowherd<SnapshotReport>(argv, options);
  assert.equal([exitCode, codes(json)], [1, ['TIER_UNSUPPORTED']]);
  assert.equal(await hostile(agent, options), ['error']);
}

test('what the root of a container has forged in a store is neither read nor done', async () => {
  const opts = ['type=none', 'o=bind', `device=${disk.mnt}`].flatMap((one) => ['--opt', one]);
  await lab.docker(['volume', 'create', '--driver', 'local', ...opts, 'whole']);
  await runIntruder('whole:/disk');
  await forge();
  const before = readdirSync(join(disk.mnt, '.cowherd'), { recursive: true }).sort();
  for (const options of [{}, listedThere]) {
    assert.is((await lab.cowherd(['recover'], options)).exitCode, 0);
    assert.not((await listed(lab, [], options)).some(({ id }) => id.includes('@2099')));
    const state = await lab.docker(['inspect', '-f', '{{.State.Status}}', alpha.container]);
    assert.is(state, 'running');
  }
  await expectRefused('whole');
  await expectRefused('beside', listedThere);
  const after = readdirSync(join(disk.mnt, '.cowherd'), { recursive: true }).sort();
  assert.equal(after, before);
});

test('it is no better when the container is gone, and the volume is still there', async () => {
  await lab.docker(['rm', '-f', 'intruder']);
  await expectRefused('whole');
  await lab.docker(['volume', 'rm', 'whole']);
  rmSync(join(disk.mnt, '.cowherd'), { recursive: true });
});

test('a bind of the directory around counts where it is writable, and only there', async () => {
  await runIntruder(`${disk.mnt}:/disk`);
  await expectRefused('beside', listedThere);
  await lab.docker(['rm', '-f', 'intruder']);
  for (const mount of [`${disk.mnt}:/disk:ro`, `${join(disk.mnt, 'data')}:/data`]) {
    await runIntruder(mount);
    assert.equal(await hostile('beside', listedThere), [], mount);
    await take(lab, ['beside'], listedThere);
    await lab.docker(['rm', '-f', 'intruder']);
  }
});

const SPOILS: readonly [string, (store: string) => void, (store: string) => void][] = [
  [
    "is a user's",
    (store) => {
      chownSync(store, 1000, 1000);
    },
    (store) => {
      chownSync(store, 0, 0);
    },
  ],
  [
    'others may enter',
    (store) => {
      chmodSync(store, 0o755);
    },
    (store) => {
      chmodSync(store, 0o700);
    },
  ],
  [
    "lies in a user's directory",
    (store) => {
      chownSync(join(store, '..'), 1000, 0);
    },
    (store) => {
      chownSync(join(store, '..'), 0, 0);
    },
  ],
  [
    'others may rename',
    (store) => {
      chmodSync(join(store, '..'), 0o777);
    },
    (store) => {
      chmodSync(join(store, '..'), 0o755);
    },
  ],
  [
    "has a user's directory in it",
    (store) => {
      chownSync(join(store, 'transactions'), 1000, 1000);
    },
    (store) => {
      chownSync(join(store, 'transactions'), 0, 0);
    },
  ],
];

for (const [what, spoil, mend] of SPOILS) {
  test(`a store that ${what} is not believed, and the other filesystem's agents are captured`, async () => {
    const store = join(disk.mnt, '.cowherd');
    spoil(store);
    try {
      const argv = ['snapshot', '--json'];
      const { exitCode, json } = await lab.cowherd<SnapshotReport>(argv, listedThere);
      assert.is(exitCode, 3);
      assert.ok(json.snapshots.some(({ agent }) => agent === 'alpha'));
      assert.equal(
        json.failures.map(({ agent, code }) => [agent, code]),
        [['beside', 'PERMISSION_DENIED']],
      );
      assert.equal(await hostile('beside', listedThere), ['error']);
    } finally {
      mend(store);
    }
    assert.equal(await hostile('beside', listedThere), []);
  });
}

test.run();
