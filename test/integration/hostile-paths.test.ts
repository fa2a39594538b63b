import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { Store } from '../../src/storage/driver.ts';
import type { DoctorDocument } from '../../src/usecases/doctor.ts';
import { rollback } from '../../src/usecases/rollback.ts';
import { labContext } from '../support/context.ts';
import { codes, makeCapturable, rolledBack, takeOne } from '../support/cycle/commands.ts';
import { inImage } from '../support/cycle/images.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';

requireLab();

const USER = 1000;
let lab: Lab;
let alpha: Agent;
/** A directory of the host that none of this is about. */
let victim: string;

test.before(async () => {
  lab = await startLab();
  alpha = await lab.startAgent({ name: 'alpha' });
  victim = join(lab.mnt, 'srv/victim');
  mkdirSync(join(victim, 'data'), { recursive: true });
  writeFileSync(join(victim, 'data/secret'), 'secret');
});

test.after(async () => {
  await lab.stop();
});

const listing = (name: string, path: string, keys = {}): { config: string } => ({
  config: lab.writeConfig(name, { agents: { paths: [{ agent: name, path }] }, ...keys }),
});

/** Fails unless the agent is refused for its path, with a finding that says so. */
async function expectRefused(name: string, path: string): Promise<void> {
  const options = listing(name, path);
  const { exitCode, json } = await lab.cowherd<SnapshotReport>(
    ['snapshot', name, '--json'],
    options,
  );
  assert.equal([exitCode, codes(json)], [1, ['TIER_UNSUPPORTED']]);
  assert.equal(json.snapshots, []);
  const argv = ['doctor', name, '--json'];
  const { findings } = (await lab.cowherd<DoctorDocument>(argv, options)).json;
  const said = findings.filter(({ agent }) => agent === name);
  assert.equal(
    said.map(({ code, severity }) => [code, severity]),
    [['HOSTILE_PATH', 'error']],
  );
  assert.ok(said[0]?.mend);
  const everything = await lab.cowherd<SnapshotReport>(['snapshot', '--json'], options);
  assert.not(everything.json.snapshots.some(({ agent }) => agent === name));
}

test('a link that an agent planted in its volume leads nowhere', async () => {
  const inside = join(alpha.path('workspace'), 'linked');
  symlinkSync(victim, inside);
  await expectRefused('end', inside);
  await expectRefused('within', join(inside, 'data'));
  unlinkSync(inside);
});

test("nor one that a container's root planted in a directory of root's", async () => {
  const shared = alpha.path('shared');
  chownSync(shared, 0, 0);
  await lab.docker([
    'exec',
    '-u',
    '0',
    alpha.container,
    'ln',
    '-s',
    victim,
    '/home/developer/shared-out/linked',
  ]);
  assert.ok(existsSync(join(shared, 'linked/data/secret')));
  await expectRefused('root', join(shared, 'linked'));
  unlinkSync(join(shared, 'linked'));
  chownSync(shared, USER, USER);
});

test("nor one that is the device of a bind-type volume, in a user's directory", async () => {
  const home = join(lab.mnt, 'srv/user');
  mkdirSync(home);
  chownSync(home, USER, USER);
  symlinkSync(victim, join(home, 'device'));
  const flags = ['type=none', 'o=bind', `device=${join(home, 'device')}`];
  const opts = flags.flatMap((flag) => ['--opt', flag]);
  await lab.docker(['volume', 'create', '--driver', 'local', ...opts, 'bound']);
  const { exitCode, json } = await lab.cowherd<SnapshotReport>(['snapshot', 'bound', '--json']);
  assert.equal([exitCode, codes(json)], [1, ['TIER_UNSUPPORTED']]);
  const { stdout } = await lab.cowherd(['doctor', 'bound', '--json']);
  assert.match(stdout, /HOSTILE_PATH/);
  await lab.docker(['volume', 'rm', 'bound']);
});

test("an administrator's link goes on working, there and back", async () => {
  const real = join(lab.mnt, 'srv/real');
  const link = join(lab.mnt, 'srv/link');
  mkdirSync(real);
  symlinkSync('real', link);
  writeFileSync(join(real, 'file'), 'then');
  const options = listing('admin', link);
  await makeCapturable(lab, ['admin'], options);
  const point = await takeOne(lab, 'admin', [], options);
  const then = await inImage(lab, point, link, (root) => readFileSync(join(root, 'file'), 'utf8'));
  assert.is(then, 'then');
  writeFileSync(join(real, 'file'), 'now');
  await rolledBack(lab, 'admin', [], options);
  assert.is(readFileSync(join(link, 'file'), 'utf8'), 'then');
});

/** A rollback of a directory in a user's, who does something when the new data is staged and nothing is moved yet. */
async function betrayed(name: string, betray: (path: string) => void, before = 'prepareAside') {
  const path = join(lab.mnt, `srv/${name}/data`);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'file'), 'then');
  const options = listing(name, path, { docker: 'none' });
  await makeCapturable(lab, [name], options);
  await takeOne(lab, name, [], options);
  writeFileSync(join(path, 'file'), 'now');
  chownSync(dirname(path), USER, USER);
  const real = await labContext(lab, options);
  const openStore = async (fsId: string): Promise<Store> => {
    const store = await real.openStore(fsId);
    const betraying = (step: 'prepareAside' | 'retire'): Store['retire'] => {
      return async (record, volume) => {
        if (step === before) betray(path);
        await store[step](record, volume);
      };
    };
    return { ...store, prepareAside: betraying('prepareAside'), retire: betraying('retire') };
  };
  const asked = { agent: name, snapshot: 'latest', includeUsers: false, start: true, revert: true };
  const context = { ...real, openStore };
  return { path, done: rollback(context, { ...asked, healthTimeoutMs: null }) };
}

if (process.env['COWHERD_LAB_FS'] === 'zfs') {
  test('where a swap mounts by path, none is begun in a directory of a user', async () => {
    const { path, done } = await betrayed('mounted', () => assert.unreachable());
    const refused = await done.catch((error: unknown) => (error as { code?: string }).code);
    assert.is(refused, 'TIER_UNSUPPORTED');
    assert.is(readFileSync(join(path, 'file'), 'utf8'), 'now');
  });
} else {
  test('a link planted between plan and swap leads nowhere, and nothing is moved', async () => {
    const elsewhere = join(lab.mnt, 'srv/moved-away');
    const { path, done } = await betrayed('planted', (data) => {
      renameSync(dirname(data), elsewhere);
      symlinkSync(victim, dirname(data));
    });
    const { outcome } = await done;
    assert.is(outcome, 'failed');
    assert.equal(readdirSync(victim), ['data']);
    assert.equal(readdirSync(join(victim, 'data')), ['secret']);
    unlinkSync(dirname(path));
    renameSync(elsewhere, dirname(path));
    assert.is(readFileSync(join(path, 'file'), 'utf8'), 'now');
  });

  test('new data that was exchanged for something else is not installed', async () => {
    const { path, done } = await betrayed('exchanged', (data) => {
      const staged = readdirSync(dirname(data)).find((name) => name.startsWith('.cowherd-new-'));
      const place = join(dirname(data), staged ?? '');
      renameSync(place, `${data}-stolen`);
      mkdirSync(place);
      writeFileSync(join(place, 'file'), 'forged');
    });
    const { outcome } = await done;
    assert.is(outcome, 'failed');
    assert.is(readFileSync(join(path, 'file'), 'utf8'), 'now');
    rmSync(`${path}-stolen`, { recursive: true });
    assert.equal(readdirSync(dirname(path)), ['data']);
  });

  for (const step of ['prepareAside', 'retire']) {
    test(`old data that was exchanged before ${step} is left where it is`, async () => {
      const exchange = (data: string): void => {
        renameSync(data, `${data}-kept`);
        mkdirSync(data);
        writeFileSync(join(data, 'file'), 'forged');
      };
      const { path, done } = await betrayed(`replaced-before-${step}`, exchange, step);
      assert.is((await done).outcome, 'failed');
      assert.is(readFileSync(join(path, 'file'), 'utf8'), 'forged');
      assert.is(readFileSync(join(`${path}-kept`, 'file'), 'utf8'), 'now');
    });
  }
}

test.run();
