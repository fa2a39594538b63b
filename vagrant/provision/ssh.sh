#!/usr/bin/env bash
# Provisioner: root may log in with the lab's key, and reaches the other machines with it.
#   ssh.sh DIRECTORY    with key.pub, and key on machines that call others; both are moved away
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
given=$1

apt-get install -y -q --no-install-recommends openssh-client openssh-server
cat >/etc/ssh/sshd_config.d/lab.conf <<'CONF'
PermitRootLogin prohibit-password
UseDNS no
MaxSessions 100
MaxStartups 100
CONF
install -d -m 700 /root/.ssh
install -m 600 "$given/key.pub" /root/.ssh/authorized_keys
if [ -e "$given/key" ]; then
  install -m 600 "$given/key" /root/.ssh/id_ed25519
  printf 'Host zfs btrfs ext4 peer\n  StrictHostKeyChecking accept-new\n' >/root/.ssh/config
fi
rm -f "$given/key" "$given/key.pub"
if [ -d /run/systemd/system ]; then systemctl reload ssh.service; fi
