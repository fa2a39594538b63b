import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { requireMachine } from '../support/machine/available.ts';
import {
  ASK_STATUS,
  DOCKER_ROOT,
  HOST,
  KEY,
  UNITS,
  USUAL,
  WEAK,
  WEAK_BTRFS,
  WEAK_POOL,
} from '../support/machine/host-scripts.ts';
import { startMachine, type Machine } from '../support/machine/machine.ts';
import { shellOf } from '../support/machine/shell.ts';

await requireMachine();

/** Lists what Docker's own storage driver keeps in the pool: its layers, with their snapshots. */
const LAYERS = `zfs list -Hp -o name,guid,origin -t filesystem,snapshot -r tank/docker | grep -v cowherd | sort`;

interface Finding {
  readonly code: string;
  readonly mend: string;
}

interface Listing {
  readonly snapshots: readonly Point[];
  readonly failures: readonly { readonly code: string; readonly hint: string }[];
}

interface Point {
  readonly id: string;
  readonly frozenMs: number;
}

let machine: Machine | undefined;

const { inside, said } = shellOf(() => machine);
const data = (agent: string) => `${DOCKER_ROOT}/volumes/${agent}-data/_data`;
const mountedAt = async (path: string) =>
  (await inside(`findmnt -rno SOURCE --target ${path}`)).stdout.trim();

/** Waits until so many restore points of alpha were taken by schedule. */
const scheduled = (least: number) =>
  `until [ $(cowherd snapshots alpha --json | grep -o '"schedule": "often"' | wc -l) -ge ${String(least)} ]
    do sleep 5; done`;

test.before(async () => {
  machine = await startMachine();
  await said(`set -e; ${HOST}`);
  await said('cowherd adopt alpha --yes && cowherd --config /root/locked.yaml adopt beta --yes');
  await said('cowherd snapshot');
});
test.after(() => machine?.stop());

test("Docker's storage driver keeps its layers in the same pool, and none of them is touched", async () => {
  assert.is(await said('docker info -f "{{.Driver}}"'), 'zfs');
  const layers = await said(LAYERS);
  assert.match(layers, /^tank\/docker\/[0-9a-f]{64}/m);
  await said('cowherd snapshot && cowherd rollback alpha --yes && cowherd recover');
  const points = JSON.parse(await said('cowherd snapshots alpha --json')) as Listing;
  const ids = points.snapshots.map(({ id }) => `--id ${id}`).join(' ');
  await said(`cowherd prune ${ids} --yes --force`);
  assert.is(await said(LAYERS), layers);
  await said('cowherd snapshot');
});

test('docker volume rm empties an adopted volume and fails; doctor says so, and a rollback brings it back', async () => {
  await said('cowherd adopt gamma --yes && cowherd snapshot gamma');
  const removal = await inside('docker volume rm gamma');
  assert.is.not(removal.exitCode, 0);
  assert.is(await said(`ls -A ${DOCKER_ROOT}/volumes/gamma/_data`), '');
  const { stdout } = await inside('cowherd doctor gamma --json');
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const emptied = findings.find(({ code }) => code === 'EMPTIED');
  assert.is(emptied?.mend, 'cowherd rollback gamma');
  await said('cowherd rollback gamma --yes');
  assert.is(await said(`cat ${DOCKER_ROOT}/volumes/gamma/_data/word`), 'kept');
  await said('cowherd unadopt gamma --yes && docker volume rm gamma');
});

test('the daemon is a service: ready, alive to its watchdog, read anew, back after a kill, and ended', async () => {
  await said(`set -e; ${UNITS} systemd-analyze verify cowherd.service cowherd-run-due.timer`);
  const shown = async (key: string) => said(`systemctl show -P ${key} cowherd.service`);
  await said('systemctl start cowherd.service');
  assert.is(await shown('StatusText'), '1 schedule');
  await said(scheduled(1));
  // The restore point is there before its run has ended.
  await said(`until systemctl show -P StatusText cowherd.service |
    grep -q '^1 schedule, the last one run: schedule often: done, 1 taken'; do sleep 1; done`);
  assert.ok('findings' in (JSON.parse(await said(ASK_STATUS)) as object));
  await said('systemctl reload cowherd.service');
  const first = await shown('MainPID');
  const began = Number(await shown('ActiveEnterTimestampMonotonic'));
  await said(scheduled(2));
  assert.ok(Number(await shown('WatchdogTimestampMonotonic')) > began);
  await said('systemctl kill --kill-who=main --signal=KILL cowherd.service');
  await said(`until [ "$(systemctl is-active cowherd.service)" = active ] &&
    [ "$(systemctl show -P MainPID cowherd.service)" != ${first} ]; do sleep 1; done`);
  assert.is(await said('docker inspect -f "{{.State.Status}}" agent-alpha'), 'running');
  await said(scheduled(3));
  await said('systemctl stop cowherd.service');
  assert.is(await shown('Result'), 'success');
  assert.is(await shown('ExecMainStatus'), '0');
});

test('without a daemon a timer runs what is due', async () => {
  assert.is((await inside('systemctl is-active cowherd.service')).stdout.trim(), 'inactive');
  await said('systemctl start cowherd-run-due.timer');
  await said(scheduled(4));
  await said(`systemctl stop cowherd-run-due.timer
    until [ $(systemctl show -P ActiveState cowherd-run-due) = inactive ]; do sleep 1; done`);
  assert.is(await said('systemctl show -P Result cowherd-run-due.service'), 'success');
  await said(USUAL);
});

test('a pool that is suspended is refused in time, and the others go on', async () => {
  await said(`${WEAK}${WEAK_POOL}`);
  const delta = 'timeout 240 cowherd --config /root/weak.yaml snapshot';
  await said(`${delta} delta`);
  await said(`weak error && (zpool sync weak >/dev/null 2>&1 &)
    (sh -c 'echo lost >/weak/data/more' >/dev/null 2>&1 &)
    until [ $(zpool list -H -o health weak) = SUSPENDED ]; do sleep 1; done`);
  const refused = await inside(`${delta} delta`);
  assert.is(refused.exitCode, 1);
  assert.match(refused.stderr, /weak is suspended/);
  assert.match(refused.stderr, /zpool status/);
  const both = await inside(`${delta} delta alpha`);
  assert.is(both.exitCode, 3, both.stderr);
  assert.match(both.stdout, /^alpha@/m);
  assert.is((await inside('timeout 240 cowherd --config /root/weak.yaml snapshots')).exitCode, 3);
  const doctor = await inside('timeout 240 cowherd --config /root/weak.yaml doctor');
  assert.is(doctor.exitCode, 6);
  assert.match(doctor.stdout, /weak is suspended/);
  await said('weak linear && zpool clear weak && zpool sync weak');
  await said(`${delta} delta && zpool destroy weak && weak remove`);
});

test('a btrfs whose disk cannot be read fails its own agent, coded; with the disk back nothing is lost', async () => {
  await said(`${WEAK}${WEAK_BTRFS}`);
  const cowherd = 'timeout 240 cowherd --config /root/weak.yaml';
  const uuid = await said('findmnt -no UUID /weak');
  const taken = JSON.parse(await said(`${cowherd} snapshot epsilon --json`)) as Listing;
  await said('sync && weak error && echo 3 >/proc/sys/vm/drop_caches');
  for (const command of ['snapshot epsilon alpha', 'snapshots epsilon alpha']) {
    const { exitCode, stdout } = await inside(`${cowherd} ${command} --json`);
    assert.is(exitCode, 3, stdout);
    const { snapshots, failures } = JSON.parse(stdout) as Listing;
    assert.ok(snapshots.every(({ id }) => id.startsWith('alpha@')) && snapshots.length > 0);
    assert.ok(failures.length > 0, stdout);
    for (const { code, hint } of failures)
      assert.ok(['IO_ERROR', 'TOOL_FAILED'].includes(code) && hint !== '', stdout);
  }
  const again = 'mount /dev/mapper/weak /weak';
  await said(`weak linear && umount /weak /run/cowherd/fs/${uuid} && ${again}`);
  const listed = JSON.parse(await said(`${cowherd} snapshots epsilon --json`)) as Listing;
  assert.equal(
    listed.snapshots.map(({ id }) => id),
    taken.snapshots.map(({ id }) => id),
  );
  assert.is(
    await said(`cat /run/cowherd/fs/${uuid}/.cowherd/snapshots/epsilon@*/*.image/word`),
    'kept',
  );
  await said(`${cowherd} snapshot epsilon && umount /weak /run/cowherd/fs/${uuid} && weak remove`);
});

test('the clock jumps a year ahead, back, and back again in the middle: nothing is lost or frozen, latest is of now', async () => {
  const take = async (around: (take: string) => string): Promise<Point> => {
    const report = JSON.parse(await said(around('cowherd snapshot alpha --json'))) as Listing;
    const [point] = report.snapshots;
    if (point === undefined) throw new Error(JSON.stringify(report));
    return point;
  };
  const before = await take((command) => command);
  const future = await take((command) => `date -s '+1 year' >&2 && ${command}`);
  const later = await take((command) => `date -s '-1 year' >&2 && ${command}`);
  const jumping = await take(
    (command) => `(sleep 1; date -s '-1 hour'; sleep 2; date -s '+1 hour') >&2 & ${command}; wait`,
  );
  const taken = [before, future, later, jumping];
  assert.is(new Set(taken.map(({ id }) => id)).size, taken.length);
  for (const { frozenMs } of taken) assert.ok(frozenMs > 0 && frozenMs < 30_000, String(frozenMs));
  const listed = JSON.parse(await said('cowherd snapshots alpha --json')) as Listing;
  for (const { id } of taken) assert.ok(listed.snapshots.some((point) => point.id === id));
  const { stderr, stdout } = await inside('cowherd rollback alpha --dry-run --json');
  assert.match(stderr, /CLOCK_SUSPECT/);
  assert.not.ok(stdout.includes(future.id), stdout);
  assert.is(await said('docker inspect -f "{{.State.Status}}" agent-alpha'), 'running');
});

test('adopted volumes are mounted before Docker starts; one that is locked keeps nobody else down', async () => {
  await machine?.reboot({ power: true });
  assert.is(await said('systemctl is-active docker.service'), 'active');
  assert.is(await mountedAt(data('alpha')), 'tank/docker/cowherd/alpha-data');
  const before = await said(`wc -c <${data('alpha')}/log`);
  await said('sleep 5');
  assert.ok(Number(await said(`wc -c <${data('alpha')}/log`)) > Number(before));
});

test('nothing is written where the locked data belongs, and doctor says why', async () => {
  assert.is(await mountedAt(data('beta')), 'tank/docker');
  assert.is(await said(`ls -A ${data('beta')}`), '');
  assert.match(await said(`lsattr -d ${data('beta')}`), /^-*i-* /);
  const { exitCode, stdout } = await inside('cowherd doctor --json beta');
  assert.is(exitCode, 6);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const finding = findings.find(({ code }) => code === 'NOT_MOUNTED');
  assert.match(finding?.mend ?? '', /zfs load-key/);
  const refused = await inside('cowherd snapshot beta');
  assert.is(refused.exitCode, 1);
  assert.match(refused.stderr, /TIER_UNSUPPORTED.*key is not loaded/);
  assert.is((await inside('cowherd adopt beta --yes')).exitCode, 0);
  assert.is(await mountedAt(data('beta')), 'tank/docker', 'nothing was adopted in its place');
});

test('with the key the data is back as it was', async () => {
  await said(`echo correct-horse >${KEY} && zfs load-key tank/locked && zfs mount -a`);
  await said('docker restart agent-beta');
  assert.is(await mountedAt(data('beta')), 'tank/locked/beta-data');
  assert.match(await said(`head -1 ${data('beta')}/log`), /^on/);
  await said('cowherd snapshot beta');
});

test('a rollback that a power cut met in its swap is ended by the unit at boot', async () => {
  await said(
    `echo kept >${data('alpha')}/mark && cowherd snapshot alpha && rm ${data('alpha')}/mark`,
  );
  await said(`cowherd rollback alpha --yes >/root/rollback.log 2>&1 &
    until zfs list -H -o name -r tank/docker/cowherd | grep -q cowherd-old-; do
      kill -0 $! || exit 1
    done
    kill -KILL $!`);
  await machine?.reboot({ power: true });
  // An emulated Node.js dies of SIGSEGV now and then while the machine starts: the unit runs it again.
  await said(
    'until [ $(systemctl show -P ActiveState cowherd-recover) = inactive ]; do sleep 1; done',
  );
  assert.is(await said('systemctl show -P Result cowherd-recover.service'), 'success');
  const { stdout } = await inside('cowherd recover --json');
  assert.equal(JSON.parse(stdout), { results: [], failures: [] });
  assert.is(await mountedAt(data('alpha')), 'tank/docker/cowherd/alpha-data');
  const running = await said('docker inspect -f "{{.State.Running}}" agent-alpha');
  assert.is(running, 'true');
});

test.run();
