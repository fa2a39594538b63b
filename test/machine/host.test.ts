import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { requireMachine } from '../support/machine/available.ts';
import { startMachine, type Machine } from '../support/machine/machine.ts';

await requireMachine();

const ROOT = '/var/lib/docker';
const KEY = '/run/locked.key';

/** Lists what Docker's own storage driver keeps in the pool: its layers, with their snapshots. */
const LAYERS = `zfs list -Hp -o name,guid,origin -t filesystem,snapshot -r tank/docker | grep -v cowherd | sort`;

/** A pool for Docker's data, an encrypted dataset whose key does not outlive a restart, and an agent that writes on each. */
const PREPARE = `
systemctl stop docker.socket docker.service
zpool create -f -O mountpoint=none tank /dev/disk/by-id/virtio-pool
zfs create -o mountpoint=${ROOT} tank/docker
echo correct-horse >${KEY}
zfs create -o canmount=off -o mountpoint=none -o encryption=on -o keyformat=passphrase \\
  -o keylocation=file://${KEY} tank/locked
systemctl start docker.service
mkdir -p /root/image/bin && cp /bin/busybox /root/image/bin/
for applet in sh sleep cat; do ln -sf busybox /root/image/bin/$applet; done
tar -C /root/image -c . | docker import - writer
for agent in alpha beta; do
  docker run -d --name agent-$agent --label trinity.agent-name=$agent --restart always --network none \\
    -v $agent-data:/data writer sh -c 'while :; do echo on >>/data/log; sleep 1; done'
done
echo 'zfs: { parent: tank/locked }' >/root/locked.yaml
cp config/cowherd-recover.service /etc/systemd/system/
docker volume create gamma && echo kept >${ROOT}/volumes/gamma/_data/word
systemctl daemon-reload && systemctl enable cowherd-recover.service
`;

/** A pool on a disk that can be taken away, with a directory that is captured like a volume. */
const WEAK = `
cat >/usr/local/bin/weak <<'END'
#!/bin/sh -e
loop=$(losetup -j /root/weak.img -O NAME -n)
size=$(blockdev --getsz $loop)
case $1 in
  linear) table="0 $size linear $loop 0" ;;
  error) table="0 $size error" ;;
  remove) dmsetup remove weak && losetup -d $loop && exec rm /root/weak.img ;;
esac
[ -e /dev/mapper/weak ] || exec dmsetup create weak --table "$table"
dmsetup suspend --noflush --nolockfs weak
dmsetup load weak --table "$table"
dmsetup resume weak
END
chmod +x /usr/local/bin/weak
truncate -s 512M /root/weak.img && losetup -f /root/weak.img && weak linear
zpool create -o cachefile=none weak /dev/mapper/weak && zfs create weak/data
echo 'agents: { paths: [{ agent: delta, path: /weak/data }] }' >/root/weak.yaml
`;

interface Finding {
  readonly code: string;
  readonly mend: string;
}

interface Point {
  readonly id: string;
}

let machine: Machine | undefined;

async function inside(script: string) {
  if (!machine) throw new Error('no machine');
  return machine.run(['sh', '-c', script], { timeoutMs: 600_000 });
}

async function said(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await inside(script);
  assert.is(exitCode, 0, `${script}: ${stderr}`);
  return stdout.trim();
}

const data = (agent: string) => `${ROOT}/volumes/${agent}-data/_data`;
const mountedAt = async (path: string) =>
  (await inside(`findmnt -rno SOURCE --target ${path}`)).stdout.trim();

test.before(async () => {
  machine = await startMachine();
  await said(`set -e; ${PREPARE}`);
  await said('cowherd adopt alpha --yes && cowherd --config /root/locked.yaml adopt beta --yes');
  await said('cowherd snapshot');
});
test.after(() => machine?.stop());

test("Docker's storage driver keeps its layers in the same pool, and none of them is touched", async () => {
  assert.is(await said('docker info -f "{{.Driver}}"'), 'zfs');
  const layers = await said(LAYERS);
  assert.match(layers, /^tank\/docker\/[0-9a-f]{64}/m);
  await said('cowherd snapshot && cowherd rollback alpha --yes && cowherd recover');
  const points = JSON.parse(await said('cowherd snapshots alpha --json')) as { snapshots: Point[] };
  const ids = points.snapshots.map(({ id }) => `--id ${id}`).join(' ');
  await said(`cowherd prune ${ids} --yes --force`);
  assert.is(await said(LAYERS), layers);
  await said('cowherd snapshot');
});

test('docker volume rm empties an adopted volume and fails; doctor says so, and a rollback brings it back', async () => {
  await said('cowherd adopt gamma --yes && cowherd snapshot gamma');
  const removal = await inside('docker volume rm gamma');
  assert.is.not(removal.exitCode, 0);
  assert.is(await said(`ls -A ${ROOT}/volumes/gamma/_data`), '');
  const { stdout } = await inside('cowherd doctor gamma --json');
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const emptied = findings.find(({ code }) => code === 'EMPTIED');
  assert.is(emptied?.mend, 'cowherd rollback gamma');
  await said('cowherd rollback gamma --yes');
  assert.is(await said(`cat ${ROOT}/volumes/gamma/_data/word`), 'kept');
  await said('cowherd unadopt gamma --yes && docker volume rm gamma');
});

test('a pool that is suspended is refused in time, and the others go on', async () => {
  await said(WEAK);
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
