#!/usr/bin/env bash
# Builds the fuzzer of the native functions, build/fuzz/native, with clang and its libFuzzer, AddressSanitizer and
# UBSan.
set -euo pipefail
cd "$(dirname "$0")/../../.."
sources=${NATIVE:-native}
mkdir -p build/fuzz
compiler=$(command -v clang++ || command -v clang++-14)
include=$(sed -n "s/.*\"nodedir\": \"\(.*\)\".*/\1/p" build/config.gypi)/include/node
wraps=()
for name in close sendmsg recvmsg sendmmsg recvmmsg readv writev read write send recv sendto recvfrom getsockopt setsockopt \
  bind connect getsockname getpeername accept4 socket listen shutdown socketpair poll ppoll pselect select ioctl fcntl fcntl64 \
  sethostname getifaddrs freeifaddrs getaddrinfo freeaddrinfo getnameinfo gethostbyname2_r gethostbyaddr_r getservbyname_r \
  getservbyport_r getprotobyname_r getprotobynumber_r gethostname mmap munmap madvise; do wraps+=("-Wl,--wrap=$name"); done
files=()
for name in ioctl batch checksum filter inet interface netdb option pinned poll ring service socket transfer; do files+=("$sources/$name.cc"); done
"$compiler" -std=c++20 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize=vptr,function \
  -fno-sanitize-recover=undefined -D_GNU_SOURCE -DNAPI_VERSION=9 -I"$include" -I"$sources" -Itest/torture/fuzz \
  test/torture/fuzz/{native,node_api,kernel,kernel_memory,kernel_names}.cc "${files[@]}" "${wraps[@]}" -o "${OUT:-build/fuzz/native}"
