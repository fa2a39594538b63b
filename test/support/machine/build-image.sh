#!/usr/bin/env bash
# Builds the ZFS machine from Debian packages and vagrant/provision into a new directory:
# root.img (ext4), vmlinuz, initrd.img, key, known_hosts.   build-image.sh DIRECTORY
set -euo pipefail
self=$(readlink -f "${BASH_SOURCE[0]}")
provisioners=$(cd "$(dirname "$self")/../../../vagrant/provision" && pwd)
release=bookworm
export INITRD=No # one at the end, not one a package
export KCFLAGS=-g0 # modules without debug information compile sooner
name=cowherd-zfs

# One-line sources of this release on the mirrors that this host's apt uses.
sources() {
  local label site
  if [ -n "${COWHERD_LAB_MIRROR:-}" ]; then
    echo "deb $COWHERD_LAB_MIRROR $release main contrib"
    return
  fi
  apt-get indextargets --format '$(LABEL) $(SITE)' 'Created-By: Packages' | sort -u |
    while read -r label site; do
      case $label in
        Debian) printf 'deb %s %s main contrib\n' "$site" "$release" "$site" "$release-updates" ;;
        Debian-Security) printf 'deb %s %s main contrib\n' "$site" "$release-security" ;;
      esac
    done
}

# What only the QEMU machine needs: its name, disks, network, a small initrd; no journal on disk, and
# no service that an emulated boot can do without.
settle() {
  local root=$1
  echo $name >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' $name >"$root/etc/hosts"
  cat >"$root/etc/fstab" <<'FSTAB'
/dev/vda / ext4 noatime 0 0
/dev/disk/by-id/virtio-checkout /srv/cowherd ext4 noatime,nofail 0 0
FSTAB
  mkdir -p "$root/srv/cowherd" "$root/etc/docker" "$root/etc/systemd/journald.conf.d"
  printf '{"bridge": "none", "iptables": false}\n' >"$root/etc/docker/daemon.json"
  printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
  printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/lab.network"
  systemctl --root="$root" enable -q systemd-networkd.service
  systemctl --root="$root" mask -q apparmor.service getty@tty1.service systemd-binfmt.service \
    systemd-logind.service systemd-networkd-wait-online.service
  printf 'MODULES=list\nCOMPRESS=lz4\n' >"$root/etc/initramfs-tools/conf.d/lab"
  printf '%s\n' virtio_pci virtio_blk ext4 >"$root/etc/initramfs-tools/modules"
  chroot "$root" update-initramfs -c -k all
  touch "$root/etc/.updated" "$root/var/.updated"
}

# Runs in mmdebstrap's hook: the new root as a machine that Vagrant would provision.
provision() {
  local root=$1 keys=$2 step
  mkdir "$root/root/provision"
  cp "$provisioners"/*.sh "$keys/key.pub" "$root/root/provision/"
  for step in packages.sh docker.sh zfs.sh node.sh 'ssh.sh /root/provision'; do
    echo "build-image: $step"
    # shellcheck disable=SC2086
    chroot "$root" bash /root/provision/$step
  done
  rm -r "$root/root/provision"
  settle "$root"
}

build() {
  local out=$1 root=$1/root
  mkdir -p "$out"
  sources >"$out/sources"
  [ -s "$out/sources" ] || { echo "no Debian mirror in apt's configuration: set COWHERD_LAB_MIRROR" && exit 1; }
  ssh-keygen -q -t ed25519 -N '' -C cowherd-lab -f "$out/key"
  mmdebstrap --mode=root --variant=minbase --format=directory \
    --include=systemd-sysv,udev,dbus,initramfs-tools,lz4,linux-image-cloud-amd64 \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --customize-hook="'$self' --provision \"\$1\" '$out'" \
    "$release" "$root" - <"$out/sources"
  cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
  cp "$root"/boot/initrd.img-* "$out/initrd.img"
  echo "$name $(cut -d' ' -f1,2 "$root/etc/ssh/ssh_host_ed25519_key.pub")" >"$out/known_hosts"
  mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$root" "$out/root.img" 12G
  rm -rf "$root" "$out/sources"
}

case ${1:-} in
  --provision) provision "$2" "$3" ;;
  ?*) build "$(realpath "$1")" ;;
  *) sed -n '2,3s/^# //p' "$self" && exit 2 ;;
esac
