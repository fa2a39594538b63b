import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import { listed, makeCapturable } from '../support/cycle/commands.ts';
import { strangers } from '../support/hostile/allowed.ts';
import { requireTracing } from '../support/hostile/available.ts';
import { DAMAGED, LINKED, SOUND } from '../support/hostile/databases.ts';
import { startRacer } from '../support/hostile/racer.ts';
import { endScene, raceInside, startScene, type Scene } from '../support/hostile/scene.ts';
import { traced, tracedCowherd, type Traced } from '../support/hostile/traced.ts';
import { makeExtremes } from '../support/hostile/tree.ts';
import { findingsSchema, snapshotReportSchema } from '../../src/usecases/document-schema.ts';

await requireTracing();

const test = suite<Scene>('hostile volumes');
/** What all processes of a command of ours may have in memory together. */
const MOST_BYTES = 512 * 1024 ** 2;
/** Control, format and bidirectional characters, line breaks apart. */
const RAW = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

test.before(async (scene) => {
  Object.assign(scene, await startScene());
});
test.after(async (scene) => {
  await endScene(scene);
});

/** Nothing outside was opened, as both detectors see it, and no terminal was spoken to. */
async function expectContained({ canary }: Scene, command: Traced): Promise<void> {
  const { opened, stdout, stderr, peakBytes } = command;
  assert.equal(await canary.opened(), []);
  assert.equal(
    opened.filter((path) => path.startsWith(canary.directory)),
    [],
  );
  assert.not.match(stdout, RAW);
  assert.not.match(stderr, RAW);
  assert.ok(peakBytes > 0 && peakBytes < MOST_BYTES, `${String(peakBytes)} bytes`);
}

async function contained(scene: Scene, args: readonly string[]): Promise<Traced> {
  const command = await tracedCowherd(scene.lab, args);
  await expectContained(scene, command);
  return command;
}

/** The same while names of the volume turn into links to the outside and back. */
async function racing(scene: Scene, args: readonly string[]): Promise<Traced> {
  const { mallory, canary } = scene;
  const racer = await startRacer(mallory.path('workspace'), canary.directory);
  const [ended] = await Promise.allSettled([contained(scene, args)]);
  const turns = await racer.stop();
  if (ended.status === 'rejected') throw ended.reason;
  assert.ok(turns > 100, String(turns));
  return ended.value;
}

test('both detectors see who opens what is outside, through a link too', async ({
  lab,
  mallory,
  canary,
}) => {
  const secret = `${canary.directory}/secret`;
  const command = await traced(lab, ['cat', `${mallory.path('workspace')}/d/d/secret`]);
  assert.is(command.stdout, 'not for agents');
  assert.ok(command.opened.includes(secret));
  assert.ok(strangers(lab, command.opened).includes(secret));
  const [seen = '', ...more] = await canary.opened();
  assert.match(seen, /^cat\(\d+\): O /);
  assert.ok(seen.endsWith(secret) && more.length === 0, seen);
});

test('adopt: a copy that carries everything, and follows nothing', async (scene) => {
  const { lab, mallory, named } = scene;
  await makeCapturable(lab, named);
  await raceInside(scene);
  const { exitCode, stdout, stderr, opened } = await contained(scene, [
    'adopt',
    'mallory',
    '--yes',
    '--json',
  ]);
  assert.is(exitCode, 0, stdout + stderr);
  assert.equal(strangers(lab, opened, Object.values(mallory.volumes)), []);
  assert.ok(
    opened.some((path) => path.endsWith('/crowd/1')),
    'the copying is not seen',
  );
});

test('snapshot: taken while names turn into links, nothing outside opened, every database spoken of', async (scene) => {
  const { lab, mallory, named } = scene;
  await makeExtremes(mallory.path('workspace'));
  await raceInside(scene);
  const command = await racing(scene, ['snapshot', '--json', 'mallory', ...named]);
  assert.is(command.exitCode, 0, command.stdout + command.stderr);
  assert.equal(strangers(lab, command.opened), []);
  const { snapshots } = snapshotReportSchema.parse(JSON.parse(command.stdout)) as SnapshotReport;
  assert.equal(snapshots.map(({ agent }) => agent).sort(), [...named, 'mallory'].sort());
  const { grade, sqlite } = snapshots.find(({ agent }) => agent === 'mallory')!;
  assert.is(grade, 'frozen');
  const causes = new Map(sqlite.map(({ path, cause }) => [path, cause ?? 'asked']));
  for (const path of SOUND) assert.is(causes.get(path), 'asked', path);
  for (const path of DAMAGED) assert.is(causes.get(path), 'damaged', path);
  for (const path of LINKED) assert.is(causes.get(path), 'flaw', path);
});

test('snapshots, agents and status speak of it without speaking to the terminal', async (scene) => {
  for (const command of [['snapshots'], ['snapshots', '--json'], ['agents'], ['status']]) {
    const { exitCode, stdout, opened } = await contained(scene, command);
    assert.ok(exitCode === 0 || exitCode === 6, command.join(' '));
    assert.match(stdout, '..%2F..%2Fetc%2Fx');
    assert.equal(strangers(scene.lab, opened), []);
  }
});

test('doctor lists what is hostile, from the manifest and a read-only image', async (scene) => {
  const { lab, named } = scene;
  const { stdout, opened, exitCode } = await racing(scene, ['doctor', '--json']);
  assert.is(exitCode, 6);
  assert.equal(strangers(lab, opened), []);
  const { findings } = findingsSchema.parse(JSON.parse(stdout));
  const hostile = findings.filter(({ code }) => code.startsWith('HOSTILE_'));
  const told = hostile.map(({ code, severity, agent }) => `${code} ${severity} ${String(agent)}`);
  assert.equal(
    told.toSorted(),
    [
      'HOSTILE_DATABASE info mallory',
      'HOSTILE_DATABASE warn mallory',
      'HOSTILE_LINKS info mallory',
      ...named.map((name) => `HOSTILE_NAME info ${name}`),
    ].toSorted(),
  );
  assert.ok(hostile.every(({ mend, message }) => mend !== null && message.length < 1_000));
});

test('rollback: the hostile agent comes back', async (scene) => {
  const command = await contained(scene, [
    ...['rollback', 'mallory', '--yes', '--health-timeout', '1s', '--json'],
  ]);
  assert.is(command.exitCode, 0, command.stdout + command.stderr);
  assert.equal(strangers(scene.lab, command.opened), []);
});

test('prune: what was captured and what was retired goes, and nothing outside has changed', async (scene) => {
  const { lab, canary } = scene;
  const points = await listed(lab, ['mallory']);
  assert.equal(
    points.map(({ safety }) => safety),
    [true, false],
  );
  const ids = points.flatMap(({ id }) => ['--id', id]);
  const command = await contained(scene, ['prune', ...ids, '--force', '--yes', '--json']);
  assert.is(command.exitCode, 0, command.stdout + command.stderr);
  assert.equal(strangers(lab, command.opened), []);
  assert.equal(await listed(lab, ['mallory']), []);
  assert.is(await canary.unwatch(), canary.description);
});

test.run();
