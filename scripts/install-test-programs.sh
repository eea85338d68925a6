#!/usr/bin/env bash
# Installs the programs that tests communicate with, on Debian or Ubuntu. Tests skip if one is missing. Needs root.
#   scripts/install-test-programs.sh
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends g++ make python3 strace iproute2 iputils-ping tcpdump tshark socat util-linux \
  systemd dbus-daemon ncat iperf3 redis-server nginx-light rsyslog bsdutils openssl curl lldpd dnsmasq-base avahi-daemon \
  ethtool traceroute iputils-arping arp-scan ndisc6 radvd hping3 nmap >/dev/null
