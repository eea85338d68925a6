#!/usr/bin/env bash
# The Debian packages that build-prebuilds.sh and check-prebuilds.sh use for all targets. Needs root.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
dpkg --add-architecture arm64 # for the headers of its musl
apt-get update -qq
apt-get install -y -qq --no-install-recommends g++ make python3 g++-aarch64-linux-gnu qemu-user-static musl-dev musl-dev:arm64 \
  libc++-14-dev >/dev/null
