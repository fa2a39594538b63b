import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotDocument, SnapshotReport } from '../../src/model/snapshot.ts';
import type { StatusDocument } from '../../src/usecases/status.ts';
import { codes } from '../support/cycle/commands.ts';
import { expectConsistent } from '../support/cycle/images.ts';
import { type Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { must } from '../support/lab/run.ts';
import { storeOf } from '../support/store.ts';

requireLab();

interface Given {
  lab: Lab;
  alpha: Agent;
  /** What `archives` is set to, on the filesystem of this machine. */
  directory: string;
  config: string;
}

const test = suite<Given>('archives in another place');

test.before(async (given) => {
  const lab = await startLab({ fs: 'ext4', size: '4G' });
  const directory = join(lab.root, 'elsewhere');
  const config = lab.writeConfig('elsewhere', { archives: directory });
  const alpha = await lab.startAgent({ name: 'alpha' });
  Object.assign(given, { lab, directory, config, alpha });
});
test.after(async ({ lab }) => lab?.stop());

const run = async ({ lab, config }: Given, args: readonly string[]) =>
  lab.cowherd<SnapshotReport>([...args, '--json'], { config });

async function take(given: Given): Promise<SnapshotDocument> {
  const { exitCode, json, stderr } = await run(given, ['snapshot', 'alpha']);
  assert.is(exitCode, 0, stderr);
  const [point] = json.snapshots;
  assert.ok(point);
  return point;
}

async function idsIn(given: Given): Promise<readonly string[]> {
  const { exitCode, json, stderr } = await run(given, ['snapshots']);
  assert.is(exitCode, 0, stderr);
  return json.snapshots.map(({ id }) => id).sort();
}

const pointsIn = (place: string): string[] => readdirSync(join(place, 'snapshots'));
const placeOf = ({ directory, lab }: Given): string => join(directory, lab.fsUuid);

async function isRunning({ lab, alpha }: Given): Promise<boolean> {
  const format = '{{.State.Running}} {{.State.Paused}}';
  return (await lab.docker(['inspect', '--format', format, alpha.container])) === 'true false';
}

test('all of a restore point is there, and it is rolled back to from there', async (given) => {
  const point = await take(given);
  const place = placeOf(given);
  assert.equal(pointsIn(place), [point.id]);
  assert.ok(point.volumes.every(({ location }) => location?.startsWith(`${place}/archives/`)));
  assert.equal(pointsIn(storeOf(given.lab)), []);
  assert.not.ok(existsSync(join(storeOf(given.lab), 'archives')));
  await expectConsistent(given.lab, point);
  const back = await run(given, ['rollback', 'alpha', '--snapshot', point.id, '--yes']);
  assert.is(back.exitCode, 0, back.stderr);
  assert.ok(await isRunning(given));
});

test('what was put in the store before, and in a place that the config names no more, is listed', async (given) => {
  const before = await idsIn(given);
  const own = { ...given, config: given.lab.config };
  const { id } = await take(own);
  assert.ok(pointsIn(storeOf(given.lab)).includes(id));
  const everything = [...before, id].sort();
  assert.equal(await idsIn(own), everything);
  assert.equal(await idsIn(given), everything);
  for (const one of [id, before[0] ?? '']) {
    const pruned = await run(own, ['prune', '--id', one, '--yes', '--force']);
    assert.is(pruned.exitCode, 0, pruned.stderr);
  }
  assert.equal(await idsIn(given), before.slice(1));
  assert.equal(pointsIn(storeOf(given.lab)), []);
});

test('while its disk is away nothing is put in its place, and nothing is lost', async (given) => {
  const { directory } = given;
  const kept = await take(given);
  const before = await idsIn(given);
  const away = `${directory}.away`;
  renameSync(directory, away);
  mkdirSync(directory, { mode: 0o700 });
  try {
    for (const args of [['snapshots'], ['snapshot', 'alpha']]) {
      const { json, stdout, stderr } = await run(given, args);
      assert.equal(codes(json), ['IO_ERROR'], stdout);
      assert.match(stdout + stderr, 'mount what they are on');
    }
    const status = await given.lab.cowherd<StatusDocument>(['status', '--json'], given);
    const found = status.json.findings.map(({ code }) => code);
    assert.equal([status.exitCode, found], [6, ['STORE_UNREADABLE']], status.stdout);
    assert.equal(readdirSync(directory), []);
    assert.ok(await isRunning(given));
    const recovered = await run(given, ['recover']);
    assert.is(recovered.exitCode, 0, recovered.stdout);
  } finally {
    rmSync(directory, { recursive: true });
    renameSync(away, directory);
  }
  assert.equal(await idsIn(given), before);
  await expectConsistent(given.lab, kept);
});

test('where others can write nothing is written, and nothing believed', async (given) => {
  const place = placeOf(given);
  const id = join(place, 'id');
  chownSync(place, 1_000, 1_000);
  // Whoever opens it waits for ever.
  renameSync(id, `${id}.kept`);
  await must(['mkfifo', id]);
  try {
    for (const args of [['snapshots'], ['snapshot', 'alpha']])
      assert.equal(codes((await run(given, args)).json), ['PERMISSION_DENIED']);
  } finally {
    renameSync(`${id}.kept`, id);
    chownSync(place, 0, 0);
  }
});

test('a way there that others can lead elsewhere is none', async (given) => {
  const { lab, directory } = given;
  const theirs = join(lab.root, 'theirs');
  mkdirSync(theirs);
  symlinkSync(directory, join(theirs, 'link'));
  chownSync(theirs, 1_000, 1_000);
  const config = lab.writeConfig('led', { archives: join(theirs, 'link') });
  const refused = await run({ ...given, config }, ['snapshot', 'alpha']);
  assert.equal(codes(refused.json), ['PERMISSION_DENIED'], refused.stdout);
});

test('a place in a volume, or in the state directory, is refused', async (given) => {
  const { lab, alpha } = given;
  const inside = join(alpha.path('workspace'), 'archives');
  const config = lab.writeConfig('inside', { archives: inside });
  const refused = await run({ ...given, config }, ['snapshot', 'alpha']);
  assert.equal(codes(refused.json), ['CONFIG_INVALID'], refused.stdout);
  assert.not.ok(existsSync(inside));
  const state = lab.writeConfig('in-state', { archives: join(lab.state, 'archives') });
  const unread = await run({ ...given, config: state }, ['snapshots']);
  assert.is(unread.exitCode, 2);
  assert.match(unread.stdout + unread.stderr, 'must not lie in the state directory');
});

test('a place that is full: NO_SPACE, and the agent runs on', async (given) => {
  const { lab, alpha } = given;
  writeFileSync(join(alpha.path('workspace'), 'noise'), randomBytes(1024 * 1024));
  const small = join(lab.root, 'small');
  mkdirSync(small);
  await must(['mount', '-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'small', small]);
  try {
    const config = lab.writeConfig('small', { archives: small });
    const full = await run({ ...given, config }, ['snapshot', 'alpha']);
    assert.equal([full.exitCode, codes(full.json)], [1, ['NO_SPACE']], full.stdout);
    assert.ok(await isRunning(given));
    assert.equal(pointsIn(join(small, lab.fsUuid)), []);
    assert.equal(readdirSync(join(small, lab.fsUuid, 'archives')), []);
    writeFileSync(join(small, 'filler'), randomBytes(400 * 1024));
    const status = await lab.cowherd<StatusDocument>(['status', '--json'], { config });
    assert.equal(
      status.json.filesystems.map(({ sizeBytes }) => sizeBytes),
      [512 * 1024],
      'its space is what limits.minFree is held against',
    );
  } finally {
    await must(['umount', small]);
  }
});

test.run();
