#!/usr/bin/env bash
# Provisioner: node and cowherd on the PATH, from the checkout at /srv/cowherd.
set -euo pipefail

ln -sfn /srv/cowherd/node_modules/.bin/node /usr/local/bin/node
ln -sfn /srv/cowherd/scripts/cowherd /usr/local/bin/cowherd
install -d -m 1777 /var/cache/node-compile
sed -i '/^NODE_COMPILE_CACHE=/d' /etc/environment
echo NODE_COMPILE_CACHE=/var/cache/node-compile >>/etc/environment
