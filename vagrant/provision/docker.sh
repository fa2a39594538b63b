#!/usr/bin/env bash
# Provisioner: Debian's Docker, run by systemd.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

apt-get install -y -q --no-install-recommends apparmor docker.io
systemctl enable docker.service
