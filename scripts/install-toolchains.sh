#!/usr/bin/env bash
# Installs the Debian packages that build-prebuilds.sh and check-prebuilds.sh need for all targets. Needs root.
#   scripts/install-toolchains.sh
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
dpkg --add-architecture arm64 # for the headers of musl for arm64
apt-get update -qq
apt-get install -y -qq --no-install-recommends g++ make python3 g++-aarch64-linux-gnu qemu-user-static musl-dev musl-dev:arm64 \
  libc++-14-dev >/dev/null
