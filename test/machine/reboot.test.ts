import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { requireMachine } from '../support/machine/available.ts';
import { startMachine, type Machine } from '../support/machine/machine.ts';

await requireMachine();

const ROOT = '/var/lib/docker';
const KEY = '/run/locked.key';

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
systemctl daemon-reload && systemctl enable cowherd-recover.service
`;

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
  const { findings } = JSON.parse(stdout) as { findings: { code: string; mend: string }[] };
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
  assert.is(await said('systemctl show -P Result cowherd-recover.service'), 'success');
  const { stdout } = await inside('cowherd recover --json');
  assert.equal(JSON.parse(stdout), { results: [], failures: [] });
  assert.is(await mountedAt(data('alpha')), 'tank/docker/cowherd/alpha-data');
  const running = await said('docker inspect -f "{{.State.Running}}" agent-alpha');
  assert.is(running, 'true');
});

test.run();
