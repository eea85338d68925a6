// The options that may be passed as plain bytes. An option is safe if the length that the program passes bounds what
// the kernel reads and writes, if its bytes contain no pointer, and if it does not create a file descriptor that a
// child process would inherit.
//
// The following options were checked in the kernel's source (5.4 to 6.18), because they use a count, a size or an inner
// length:
//
//   option                                  what bounds the kernel                                       rule
//   MCAST_MSFILTER, IP_MSFILTER, get        the count in the buffer alone                                kCounted
//   MCAST_MSFILTER, IP_MSFILTER, set        EINVAL when the count exceeds the length                     -
//   TCP_AO_GET_KEYS, get                    the count in the buffer; the length is that of one element   kCounted
//   SO_GET_FILTER, get                      the length, which counts instructions of 8 bytes             kPointer
//   IPV6_FLOWLABEL_MGR, set                 it writes the label back, within the struct it has checked   -
//   IPV6_2292PKTOPTIONS, IP_PKTOPTIONS      the length: control messages are cut                         -
//   TCP_INFO, MPTCP_INFO, TLS_TX, TLS_RX    the length: the struct is cut, or EINVAL                     -
//   MPTCP_TCPINFO, MPTCP_SUBFLOW_ADDRS      the length, less a size in the buffer that must not exceed it  -
//   SCTP_GET_*_ADDRS, _ASSOC_ID_LIST, ...   the length, less the header                                  -
//   SCTP_AUTH_KEY, _RESET_STREAMS, set      EINVAL when the inner length exceeds the length              -
//   SO_PEERPIDFD, get                       the length: the number of the new descriptor is cut           kCut
//   SO_PEERGROUPS, SO_PEERSEC               ERANGE when the length is too small                          -
//   CAN_RAW_FILTER, get                     ERANGE, or the length                                        -
//   PACKET_ADD_MEMBERSHIP, set              EINVAL when mr_alen exceeds the length                       -
//   NETLINK_LIST_MEMBERSHIPS, get           the length, though it tells more                             -
//   IP_VS, IPT_SO_GET_REVISION_*            the exact length, or EINVAL                                  -
//   BT_CODEC, get                           ENOBUFS when the length is too small                         -
//   RDS_INFO_*, get                         the length                                                   -
//   SO_DEVMEM_DONTNEED, set                 the length counts whole tokens                               -
//   SO_ATMQOS, SO_SETCLP, SO_ATMPVC         nothing at any level but SOL_ATM: at most 92 bytes           OptionBuffer
//   tables of iptables and Bluetooth, set   nothing up to 6.8: at most one struct, 96 bytes              OptionBuffer
//
// The layouts of 32-bit programs (compat) are only used by their system calls, which this process does not make. The
// requests of ioctl are checked in ioctl.cc.
#pragma once

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "args.h"
#include "compat.h"

namespace sys_socket {

struct Option {
  int level;
  int name;
};

// Options whose bytes contain a pointer that the kernel follows, or whose length does not count bytes. JavaScript has
// no pointers, so any bytes here would make the kernel access memory that the program did not provide.
inline constexpr Option kPointerOptions[] = {
    {SOL_SOCKET, SO_ATTACH_FILTER},  // sock_fprog; for getsockopt it is SO_GET_FILTER, whose length counts instructions
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},  // sock_fprog
    {IPPROTO_IP, 64},                        // IPT_SO_SET_REPLACE: ipt_replace.counters
    {IPPROTO_IP, 65},                        // IPT_SO_SET_ADD_COUNTERS
    {IPPROTO_IP, 96},                        // ARPT_SO_SET_REPLACE: arpt_replace.counters
    {IPPROTO_IP, 97},                        // ARPT_SO_SET_ADD_COUNTERS
    {IPPROTO_IP, 128},                       // EBT_SO_SET_ENTRIES: ebt_replace.entries
    {IPPROTO_IP, 129},                       // EBT_SO_SET_COUNTERS, EBT_SO_GET_ENTRIES
    {IPPROTO_IP, 130},                       // EBT_SO_GET_INIT_INFO
    {IPPROTO_IP, 131},                       // EBT_SO_GET_INIT_ENTRIES
    {IPPROTO_IPV6, 64},                      // IP6T_SO_SET_REPLACE: ip6t_replace.counters
    {IPPROTO_IPV6, 65},                      // IP6T_SO_SET_ADD_COUNTERS
    {IPPROTO_TCP, 35},                       // TCP_ZEROCOPY_RECEIVE: tcp_zerocopy_receive.address
    {IPPROTO_SCTP, 107},                     // SCTP_SOCKOPT_CONNECTX_OLD
    {IPPROTO_SCTP, 111},                     // SCTP_SOCKOPT_CONNECTX3: sctp_getaddrs_old.addrs
    {SOL_RDS, 2},                            // RDS_GET_MR: rds_get_mr_args.vec
    {SOL_RDS, 7},                            // RDS_GET_MR_FOR_DEST
    {SOL_XDP, 4},                            // XDP_UMEM_REG: xdp_umem_reg.addr
    {SOL_MPTCP, 4},                          // MPTCP_FULL_INFO: mptcp_full_info.tcp_info
};

inline bool HoldsPointer(int level, int name, size_t size) {
  if (level == SOL_PACKET && name == PACKET_FANOUT_DATA) {
    return size > sizeof(int);  // sock_fprog, or an eBPF file descriptor
  }
  return std::any_of(std::begin(kPointerOptions), std::end(kPointerOptions),
                     [&](const Option& option) { return option.level == level && option.name == name; });
}

// Options of getsockopt that write as many elements as a count in the buffer says, regardless of the length.
struct CountedOption {
  int level;
  int name;
  size_t count;    // the offset of the count, a u32
  size_t header;   // bytes before the first element
  size_t element;  // bytes of one element; 0: the given length is that of one element
};

inline constexpr CountedOption kCountedOptions[] = {
    {IPPROTO_IP, IP_MSFILTER, 12, 16, 4},         // ip_msfilter.imsf_numsrc
    {IPPROTO_IP, MCAST_MSFILTER, 140, 144, 128},  // group_filter.gf_numsrc
    {IPPROTO_IPV6, MCAST_MSFILTER, 140, 144, 128},
    {IPPROTO_TCP, TCP_AO_GET_KEYS, 272, 0, 0},  // tcp_ao_getsockopt.nkeys
};

inline const CountedOption* FindCounted(int level, int name) {
  const auto* found =
      std::find_if(std::begin(kCountedOptions), std::end(kCountedOptions),
                   [&](const CountedOption& option) { return option.level == level && option.name == name; });
  return found == std::end(kCountedOptions) ? nullptr : found;
}

// Lowers the count to what fits into the buffer. `bytes` is memory that only this call uses, so nobody can raise it
// again.
inline void BoundCount(const CountedOption& option, uint8_t* bytes, size_t size) {
  uint32_t count = 0;
  if (size < option.count + sizeof(count)) return;  // too short for a count: the kernel decides
  std::memcpy(&count, bytes + option.count, sizeof(count));
  const size_t most = option.element == 0 ? 1 : (size - option.header) / option.element;
  if (count <= most) return;
  count = static_cast<uint32_t>(most);
  std::memcpy(bytes + option.count, &count, sizeof(count));
}

// Returns whether the option is SO_PEERPIDFD, which creates a file descriptor. The kernel returns as many bytes of its
// number as fits. If the number was truncated, the file descriptor is closed, because nobody else could
// close it.
inline bool IsPidfd(int level, int name) { return level == SOL_SOCKET && name == SO_PEERPIDFD; }

inline constexpr int kPeeloff = 102;       // SCTP_SOCKOPT_PEELOFF
inline constexpr int kPeeloffFlags = 122;  // SCTP_SOCKOPT_PEELOFF_FLAGS

inline bool MakesDescriptor(int level, int name) {
  return level == IPPROTO_SCTP && (name == kPeeloff || name == kPeeloffFlags);
}

// Returns whether the option creates a file descriptor that a child process would inherit. SCTP_SOCKOPT_PEELOFF does.
// SCTP_SOCKOPT_PEELOFF_FLAGS does unless its flags, a u32 after an association and the bytes for the file descriptor,
// contain SOCK_CLOEXEC.
inline bool IsInherited(int level, int name, const uint8_t* bytes, size_t size) {
  constexpr size_t kFlags = 8;
  if (!MakesDescriptor(level, name)) return false;
  uint32_t flags = 0;
  if (name == kPeeloffFlags && size >= kFlags + sizeof(flags)) std::memcpy(&flags, bytes + kFlags, sizeof(flags));
  return (flags & SOCK_CLOEXEC) == 0;
}

}  // namespace sys_socket
