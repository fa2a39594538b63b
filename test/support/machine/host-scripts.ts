export const DOCKER_ROOT = '/var/lib/docker';
/** A key that does not outlive a restart. */
export const KEY = '/run/locked.key';

/** An emulated processor that others use too is slow at times: that is not what these tests are about. */
const PATIENT = 'quiesce: { maxFreeze: 30s }';
/** The config, unless another is named. */
export const USUAL = `mkdir -p /etc/cowherd && echo '${PATIENT}' >/etc/cowherd/cowherd.yaml`;

/** A pool for Docker's data, an encrypted dataset whose key does not outlive a restart, and an agent that writes on each. */
export const HOST = `
systemctl stop docker.socket docker.service
zpool create -f -O mountpoint=none tank /dev/disk/by-id/virtio-pool
zfs create -o mountpoint=${DOCKER_ROOT} tank/docker
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
${USUAL}
printf '%s\\n' 'zfs: { parent: tank/locked }' '${PATIENT}' >/root/locked.yaml
cp config/cowherd-recover.service /etc/systemd/system/
docker volume create gamma && echo kept >${DOCKER_ROOT}/volumes/gamma/_data/word
systemctl daemon-reload && systemctl enable cowherd-recover.service
`;

/** A disk that can be taken away, and brought back. */
export const WEAK = `
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
`;

/** A pool on it, with a directory that is captured like a volume. */
export const WEAK_POOL = `
zpool create -o cachefile=none weak /dev/mapper/weak && zfs create weak/data
printf '%s\\n' 'agents: { paths: [{ agent: delta, path: /weak/data }] }' '${PATIENT}' >/root/weak.yaml
`;

/** A btrfs on it, with the same. */
export const WEAK_BTRFS = `
mkfs.btrfs -q -f /dev/mapper/weak && mkdir -p /weak && mount /dev/mapper/weak /weak
btrfs subvolume create /weak/data >/dev/null && echo kept >/weak/data/word
printf '%s\\n' 'agents: { paths: [{ agent: epsilon, path: /weak/data }] }' '${PATIENT}' >/root/weak.yaml
`;

/** The units, and a config that captures alpha every minute. */
export const UNITS = `
cp config/cowherd.service config/cowherd-run-due.service config/cowherd-run-due.timer /etc/systemd/system/
cat >/etc/cowherd/cowherd.yaml <<'END'
${PATIENT}
schedules: [{ name: often, cron: '* * * * *', agents: [alpha], run: [snapshot, prune] }]
END
systemctl daemon-reload
`;

/** The daemon's API, asked for the state of all. */
export const ASK_STATUS = `node -e 'require("node:http").get(
  { socketPath: "/run/cowherd/api.sock", path: "/v1/status" },
  (answer) => answer.pipe(process.stdout),
)'`;
