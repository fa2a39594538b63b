#!/usr/bin/env bash
# Provisioner: a file system in a sparse file for Docker's data, or for what a peer receives.
#   volumes.sh zfs|btrfs|ext4 [DIRECTORY]     DIRECTORY is /var/lib/docker when not given
set -euo pipefail
kind=$1
directory=${2:-/var/lib/docker}
image=/var/lib/cowherd-lab/$(systemd-escape --path "$directory").img
stops=()
if [ "$directory" = /var/lib/docker ]; then stops=(docker.service docker.socket); fi

if [ -e "$image" ]; then exit 0; fi
if [ ${#stops[@]} -gt 0 ]; then systemctl stop "${stops[@]}"; fi
rm -rf "${directory:?}"
install -d -m 710 "$directory"
install -d -m 700 "$(dirname "$image")"
truncate -s 16G "$image"

case $kind in
  zfs)
    pool=$(basename "$directory")
    zpool create -O compression=lz4 -O atime=off -O "mountpoint=$directory" "$pool" "$image"
    ;;
  btrfs | ext4)
    "mkfs.$kind" -q "$image"
    echo "$image $directory $kind loop,noatime,nofail 0 0" >>/etc/fstab
    mount "$directory"
    ;;
  *) echo "volumes.sh: $kind is none of zfs, btrfs, ext4" >&2 && exit 2 ;;
esac

if [ ${#stops[@]} -gt 0 ]; then
  install -d /etc/systemd/system/docker.service.d
  printf '[Unit]\nRequiresMountsFor=%s\nAfter=zfs-mount.service\n' "$directory" \
    >/etc/systemd/system/docker.service.d/volumes.conf
  systemctl daemon-reload
  systemctl start docker.service
fi
