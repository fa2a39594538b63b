import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { pipeline } from '../../src/exec/pipeline.ts';
import { systemCode } from '../../src/model/errors.ts';
import { openRestorer, type Restorer } from '../../src/storage/archive/restorer.ts';
import { unprivileged } from '../../src/storage/archive/unprivileged.ts';
import { ARCHIVE_TOOLS, makePlace, type Place } from '../support/archive/place.ts';
import { requireTools } from '../support/lab/available.ts';

requireTools(ARCHIVE_TOOLS);

interface Given {
  place: Place;
  target: string;
  restorer: Restorer;
  mounts: string;
}

const test = suite<Given>('the fence of a restore');
const mountsNow = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

test.before(async (given) => {
  given.place = await makePlace('ext4');
  given.target = join(given.place.disk.mnt, 'target');
  mkdirSync(given.target, { mode: 0o700 });
  given.mounts = mountsNow();
  given.restorer = await openRestorer(given.target, given.place.runtimeDir);
});
test.after(async ({ place, restorer }) => {
  await restorer?.close();
  await place?.disk.remove();
});

const LIMITS = { fileBytes: 1_000_000, groups: ['77', '4321'] };

async function inside(
  { restorer, place }: Given,
  tool: string,
  ...args: readonly string[]
): Promise<string> {
  const stage = restorer.stage(tool, args, LIMITS);
  const any = { ...stage, okExits: [1, 2, 32, 125] };
  const { stdout, stages } = await pipeline([any], place);
  return stdout + (stages[0]?.stderr ?? '');
}

test('it is nobody with three capabilities, and can get no others', async (given) => {
  const status = await inside(given, 'setpriv', '--dump');
  assert.match(status, /uid: 65534\neuid: 65534\ngid: 65534\negid: 65534\n/);
  assert.match(status, /Supplementary groups: 77,4321\nno_new_privs: 1\n/);
  for (const set of ['Inheritable', 'Ambient', 'Capability bounding'])
    assert.match(status, new RegExp(`${set}[A-Za-z ]*: chown,dac_override,fowner\n`), status);
});

test('it reaches the directory and the system, and can write only to the directory', async (given) => {
  const root = (await inside(given, 'ls', '-A', '/')).trim().split('\n');
  const allowed = ['bin', 'empty', 'gnu', 'lib', 'lib32', 'lib64', 'nix', 'sbin', 'usr', 'v'];
  assert.equal(
    root.filter((name) => !allowed.includes(name)),
    [],
  );
  for (const path of ['/x', '/empty', '/usr/x', '/bin/x'])
    assert.match(await inside(given, 'touch', path), /Read-only file system/, path);
  assert.is(await inside(given, 'touch', 'mine'), '');
  assert.is(await inside(given, 'chown', '5:6', '/v/mine'), '');
  assert.is(await inside(given, 'chmod', '4755', '/v/mine'), '');
  assert.match(await inside(given, 'mknod', '/v/null', 'c', '1', '3'), /not permitted/);
  assert.match(await inside(given, 'chroot', '/v', 'x'), /not permitted/);
  assert.match(await inside(given, 'mount', '-t', 'tmpfs', 'x', '/v'), /permi|superuser/i);
  symlinkSync(join(given.place.disk.mnt, 'elsewhere'), join(given.target, 'out'));
  writeFileSync(join(given.place.disk.mnt, 'elsewhere'), 'untouched');
  assert.match(await inside(given, 'cp', '/v/mine', '/v/out'), /dangling|No such/);
});

test('no file grows beyond what it may', async (given) => {
  const stage = given.restorer.stage('dd', ['if=/usr/bin/env', 'of=big', 'bs=1M', 'seek=1'], {
    ...LIMITS,
    fileBytes: 500_000,
  });
  const refused: unknown = await pipeline([stage], given.place).catch((error: unknown) => error);
  assert.match(String(refused), /SIGXFSZ|File too large/);
});

test('nothing of it is mounted outside, and it opens no link', async ({
  place,
  target,
  mounts,
}) => {
  assert.is(mountsNow(), mounts);
  symlinkSync(target, join(place.disk.mnt, 'link'));
  const opened = openRestorer(join(place.disk.mnt, 'link'), place.runtimeDir);
  const code = await opened.then(() => null, systemCode);
  assert.ok(['ELOOP', 'ENOTDIR'].includes(code ?? ''), code ?? 'opened');
});

test('what unpacks an archive can do nothing but read and write its pipes', async ({ place }) => {
  const { stdout } = await pipeline([unprivileged('setpriv', ['--dump'])], place);
  assert.match(stdout, /uid: 65534\n/);
  assert.match(stdout, /Inheritable capabilities: \[none\]\nAmbient capabilities: \[none\]\n/);
  assert.match(stdout, /Capability bounding set: \[none\]\n/);
  assert.match(stdout, /Supplementary groups: \[none\]\nno_new_privs: 1\n/);
});

test.run();
