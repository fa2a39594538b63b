#!/usr/bin/env bash
# Provisioner: what labs and tests use from Debian, contrib enabled, and no background upgrades.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

shopt -s nullglob
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  sed -i -E '/^deb /{/ contrib/!s/ main/ main contrib/}' "$list"
done
for list in /etc/apt/sources.list.d/*.sources; do
  sed -i -E '/^Components:/{/ contrib/!s/ main/ main contrib/}' "$list"
done
apt-cache show zfs-dkms >/dev/null 2>&1 || apt-get update -q

apt-get install -y -q --no-install-recommends \
  acl attr btrfs-progs busybox-static ca-certificates e2fsprogs fatrace iproute2 kmod less lsof procps \
  rsync sqlite3 strace util-linux xfsprogs zstd

systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer man-db.timer
