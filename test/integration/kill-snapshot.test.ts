import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { SnapshotReport } from '../../src/model/snapshot.ts';
import type { Store } from '../../src/storage/driver.ts';
import { labContext } from '../support/context.ts';
import { convert, makeCapturable } from '../support/cycle/commands.ts';
import { inLocation } from '../support/cycle/images.ts';
import { deadRecords, freezeRecords, freezerOf } from '../support/kill/frozen.ts';
import { thawedAfter, type Freezer } from '../support/kill/frozen.ts';
import { pick, seededRandom, SOAK } from '../support/kill/random.ts';
import { assertWhole } from '../support/kill/whole.ts';
import type { Agent } from '../support/lab/agent.ts';
import { requireLab } from '../support/lab/available.ts';
import { GUARD } from '../support/lab/cowherd.ts';
import { EMULATED } from '../support/lab/emulated.ts';
import { startLab, type Lab } from '../support/lab/lab.ts';
import { labFilesystem, type LabFilesystem } from '../support/lab/record.ts';
import { argumentsOf, descendantsOf, processId } from '../support/lab/processes.ts';
import { sleep, until } from '../support/lab/run.ts';
import { leftovers } from '../support/store.ts';

requireLab();

const KILLS = SOAK ? 200 : EMULATED ? 6 : 20;
const WINDOW_MS = EMULATED
  ? { start: 6_000, record: 600, freeze: 300 }
  : { start: 2_000, record: 60, freeze: 15 };
const CHECK_EVERY = EMULATED ? 3 : 5;
const THAW_LIMIT_MS = 1_000;
const random = seededRandom('kill -9 of snapshots');

interface Given {
  lab: Lab;
  agents: readonly Agent[];
  freezers: readonly Freezer[];
  /** Seen from this process, as another run would see it. */
  store: Store;
  checked: Set<string>;
}

const PLAIN = ['ext4', 'xfs'] as const;

async function begin(given: Given, fs = labFilesystem()): Promise<void> {
  given.lab = await startLab({ size: '8G', fs });
  const env = { LAB_BURST: '10', LAB_TX_DELAY_MS: '5' };
  const start = async (name: string) => given.lab.startAgent({ name, env });
  given.agents = [await start('alpha'), await start('beta')];
  if (!isPlain(fs)) await convert(given.lab, 'adopt', ['alpha']);
  await makeCapturable(given.lab, ['beta']);
  given.freezers = await Promise.all(
    given.agents.map(async ({ container }) => freezerOf(given.lab, container)),
  );
  given.store = await (await labContext(given.lab)).openStore(given.lab.fsUuid);
  given.checked = new Set();
}

function isPlain(fs: LabFilesystem): boolean {
  return PLAIN.some((plain) => plain === fs);
}

/** Starts a snapshot of all agents; `at` says when it is killed, in milliseconds after its start or after its first freeze. */
async function killed(
  { lab, agents, freezers }: Given,
  at: { readonly afterMs: number; readonly of: 'start' | 'record' | 'freeze' },
): Promise<{ readonly child: ChildProcess; readonly frozen: boolean; readonly killedAt: number }> {
  const child = lab.spawnCowherd(['snapshot', '--json']);
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, 'exit');
  const over = () => child.exitCode !== null;
  const ids = agents.map(({ id }) => id);
  const recorded = () =>
    freezeRecords().some(
      ({ pid, containerIds }) => pid === child.pid && containerIds.some((id) => ids.includes(id)),
    );
  const due = {
    start: () => true,
    record: recorded,
    freeze: () => freezers.some(({ frozen }) => frozen()),
  }[at.of];
  while (!over() && !due()) await sleep(1);
  const begun = performance.now();
  while (!over() && performance.now() - begun < at.afterMs) await sleep(0);
  const frozen = freezers.some((freezer) => freezer.frozen());
  const killedAt = performance.now();
  child.kill('SIGKILL');
  await ended;
  return { child, frozen, killedAt };
}

/** Every restore point that is listed opens, and its databases are intact; gives how many there are. */
async function assertListed({ lab, store, agents, checked }: Given): Promise<number> {
  const listed = await store.list();
  for (const { manifest, locations } of listed.filter((one) => !checked.has(one.manifest.id))) {
    const owner = agents.find(({ name }) => name === manifest.agent);
    const image = (volume: string | undefined) =>
      locations[manifest.volumes.find(({ name }) => name === volume)?.image ?? ''] ?? '';
    await inLocation(lab, image(owner?.volumes.workspace), async (workspace) =>
      inLocation(lab, image(owner?.volumes.public), async (other) => assertWhole(workspace, other)),
    );
    checked.add(manifest.id);
  }
  assert.equal(await store.damaged(), []);
  return listed.length;
}

async function assertUsable(given: Given): Promise<void> {
  const { lab, agents } = given;
  const before = await assertListed(given);
  const { exitCode, json, stderr } = await lab.cowherd<SnapshotReport>(['snapshot', '--json']);
  assert.is(exitCode, 0, stderr);
  assert.equal(json.snapshots.map(({ agent }) => agent).sort(), ['alpha', 'beta']);
  assert.is(await assertListed(given), before + 2);
  const listing = await lab.cowherd<SnapshotReport>(['snapshots', '--json']);
  assert.is(listing.json.snapshots.length, before + 2);
  assert.equal(leftovers(lab), []);
  assert.equal(deadRecords(agents.map(({ id }) => id)), []);
}

function killing(fs: LabFilesystem): void {
  const test = suite<Given>(`kill -9 of snapshot on ${fs}`);
  test.before(async (given) => begin(given, fs));
  test.after(async ({ lab }) => lab?.stop());

  test(`${String(KILLS)} kills: thawed within a second, and the next run works`, killedOften);
  test('client and guard killed: the next command thaws, whatever it is', leftFrozen);
  test.run();
}

async function killedOften(given: Given): Promise<void> {
  const { freezers, agents, lab } = given;
  const thaws: number[] = [];
  let hits = 0;
  for (let round = 0; round < KILLS; round += 1) {
    const of = pick(random, ['start', 'record', 'freeze', 'freeze'] as const);
    const afterMs = random() * WINDOW_MS[of];
    const { frozen, killedAt } = await killed(given, { afterMs, of });
    const thawMs = await thawedAfter(freezers, killedAt);
    if (frozen) {
      hits += 1;
      thaws.push(thawMs);
    }
    assert.ok(thawMs < THAW_LIMIT_MS, `thawed after ${thawMs.toFixed(0)} ms`);
    await assertListed(given);
    for (const { container } of agents) {
      const format = '{{.State.Status}} {{.State.Paused}}';
      assert.is(await lab.docker(['inspect', '--format', format, container]), 'running false');
    }
    if ((round + 1) % CHECK_EVERY === 0) await assertUsable(given);
  }
  await assertUsable(given);
  const worst = Math.max(0, ...thaws).toFixed(1);
  console.log(`${String(KILLS)} kills, ${String(hits)} while frozen, worst thaw ${worst} ms`);
  assert.ok(hits > 0, 'no kill fell into a freeze');
}

async function leftFrozen(given: Given): Promise<void> {
  const { freezers, lab } = given;
  for (const command of [['thaw'], ['recover'], ['snapshot']]) {
    const left = await until('both killed while frozen', async () => leaveFrozen(given), {
      timeoutMs: 120_000,
    });
    assert.ok(left?.every(({ frozen }) => frozen()));
    const { exitCode, stderr } = await lab.cowherd([...command, '--json']);
    assert.is(exitCode, 0, stderr);
    assert.equal(
      freezers.filter(({ frozen }) => frozen()),
      [],
    );
  }
  await assertUsable(given);
}

/** Kills a snapshot and its guard in the freeze; gives the freezers left frozen, or null when it was too late. */
async function leaveFrozen(given: Given): Promise<readonly Freezer[] | null> {
  const { lab, freezers } = given;
  const child = lab.spawnCowherd(['snapshot', '--json']);
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, 'exit');
  while (child.exitCode === null && !freezers.some(({ frozen }) => frozen())) await sleep(0);
  const self = child.pid === undefined ? undefined : processId(child.pid);
  for (const { pid } of guardsOf(self)) process.kill(pid, 'SIGKILL');
  child.kill('SIGKILL');
  await ended;
  await sleep(50);
  const left = freezers.filter(({ frozen }) => frozen());
  return left.length > 0 ? left : null;
}

function guardsOf(parent: ReturnType<typeof processId>) {
  const children = parent === undefined ? [] : descendantsOf([parent]);
  return children.filter(({ pid }) => argumentsOf(pid).includes(GUARD));
}

killing(labFilesystem());
if (labFilesystem() === 'btrfs') PLAIN.forEach(killing);
