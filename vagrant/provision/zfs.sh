#!/usr/bin/env bash
# Provisioner: OpenZFS for the newest kernel of the flavour that is installed; reboot into it.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

flavour=$(dpkg --print-architecture)
if dpkg -s "linux-image-cloud-$flavour" >/dev/null 2>&1; then flavour=cloud-$flavour; fi
apt-get install -y -q --no-install-recommends \
  "linux-image-$flavour" "linux-headers-$flavour" zfs-dkms zfsutils-linux

for build in /lib/modules/*/build; do
  kernel=$(basename "$(dirname "$build")")
  modinfo -k "$kernel" zfs >/dev/null 2>&1 || dkms autoinstall -k "$kernel"
  modinfo -k "$kernel" -F version zfs
done
echo zfs >/etc/modules-load.d/zfs.conf
echo "options zfs zfs_arc_max=$((384 << 20))" >/etc/modprobe.d/zfs.conf
