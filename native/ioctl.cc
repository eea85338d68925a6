// Requests to devices and sockets: man 2 ioctl.
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "args.h"
#include "compat.h"
#include "guarded.h"

namespace sys_socket {
namespace {

// The argument of a request. Only requests whose argument is plain data are listed, because any other argument may
// contain a pointer, which JavaScript cannot provide. The size is not derived from the number of the request
// (_IOC_SIZE), because some numbers are wrong: TUNSETIFF says int but takes a struct ifreq, and TUNSETOWNER says int
// but takes the number itself.
enum class Kind : uint8_t {
  kNone,     // nothing
  kInt,      // the address of an int
  kValue,    // a number instead of an address
  kStruct,   // the address of a struct of `size` bytes
  kFilter,   // the address of a struct tun_filter, whose `count` determines its length
  kUnknown,  // possibly a pointer
};

struct Argument {
  Kind kind;
  size_t size = 0;
};

constexpr size_t kTunFilter = sizeof(tun_filter);

Argument ArgumentOf(uint32_t request) {
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
    case SIOCGSKNS:  // this request and TUNGETDEVNETNS return a new file descriptor, close-on-exec
    case TUNGETDEVNETNS:
    case TUNDETACHFILTER:
      return {.kind = Kind::kNone};
    case FIONREAD:
    case SIOCOUTQ:
    case SIOCOUTQNSD:
    case SIOCATMARK:
    case FIONBIO:
    case FIOASYNC:
    case FIOGETOWN:
    case FIOSETOWN:
    case SIOCGPGRP:
    case SIOCSPGRP:
    case IOCTL_VM_SOCKETS_GET_LOCAL_CID:
    case TUNGETFEATURES:
    case TUNGETSNDBUF:
    case TUNSETSNDBUF:
    case TUNGETVNETHDRSZ:
    case TUNSETVNETHDRSZ:
    case TUNGETVNETLE:
    case TUNSETVNETLE:
    case TUNGETVNETBE:
    case TUNSETVNETBE:
    case TUNSETIFINDEX:
    case TUNSETCARRIER:
    case TUNSETSTEERINGEBPF:
    case TUNSETFILTEREBPF:
      return {.kind = Kind::kInt};
    case TUNSETNOCSUM:
    case TUNSETDEBUG:
    case TUNSETPERSIST:
    case TUNSETOWNER:
    case TUNSETGROUP:
    case TUNSETLINK:
    case TUNSETOFFLOAD:
      return {.kind = Kind::kValue};
    case TUNSETTXFILTER:
      return {.kind = Kind::kFilter};
    case SIOCGARP:
    case SIOCSARP:
    case SIOCDARP:
      return {.kind = Kind::kStruct, .size = sizeof(arpreq)};
    case SIOCGSTAMP_OLD:
    case SIOCGSTAMPNS_OLD:
    case SIOCGSTAMP_NEW:
    case SIOCGSTAMPNS_NEW:
      return {.kind = Kind::kStruct, .size = 2 * sizeof(int64_t)};
    case SIOCGIFVLAN:
    case SIOCSIFVLAN:
      return {.kind = Kind::kStruct, .size = sizeof(vlan_ioctl_args)};
    case SIOCBRADDBR:
    case SIOCBRDELBR:
      return {.kind = Kind::kStruct, .size = IFNAMSIZ};
    case SIOCGIFNAME:
    case SIOCSIFNAME:
    case SIOCGIFINDEX:
    case SIOCGIFFLAGS:
    case SIOCSIFFLAGS:
    case SIOCGIFPFLAGS:
    case SIOCSIFPFLAGS:
    case SIOCGIFADDR:
    case SIOCSIFADDR:
    case SIOCDIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCSIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCSIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCSIFNETMASK:
    case SIOCGIFMETRIC:
    case SIOCSIFMETRIC:
    case SIOCGIFMTU:
    case SIOCSIFMTU:
    case SIOCGIFHWADDR:
    case SIOCSIFHWADDR:
    case SIOCSIFHWBROADCAST:
    case SIOCGIFMAP:
    case SIOCSIFMAP:
    case SIOCGIFTXQLEN:
    case SIOCSIFTXQLEN:
    case SIOCADDMULTI:
    case SIOCDELMULTI:
    case SIOCGMIIPHY:
    case SIOCGMIIREG:
    case SIOCSMIIREG:
    case SIOCBRADDIF:
    case SIOCBRDELIF:
    case SIOCBONDENSLAVE:
    case SIOCBONDRELEASE:
    case SIOCBONDSETHWADDR:
    case SIOCBONDCHANGEACTIVE:
    case TUNSETIFF:
    case TUNGETIFF:
    case TUNSETQUEUE:
      return {.kind = Kind::kStruct, .size = sizeof(ifreq)};
    default:
      return {.kind = Kind::kUnknown};
  }
}

// Returns whether the struct ifreq of a request points to data (ifr_data) that contains no pointer.
bool PointsToData(uint32_t request) {
  switch (request) {
    case SIOCETHTOOL:
    case SIOCGHWTSTAMP:
    case SIOCSHWTSTAMP:
    case SIOCBONDINFOQUERY:
    case SIOCBONDSLAVEINFOQUERY:
      return true;
    default:
      return false;
  }
}

// The bytes are copied first, because another thread may change the bytes of JavaScript after their count was read.
napi_value SetFilter(napi_env env, int fd, uint32_t request, const Bytes& bytes, Args<3>* args) {
  const size_t size = std::min(bytes.size, kTunFilter + (size_t{ETH_ALEN} * UINT16_MAX));
  const Guarded copy(size);
  if (copy.data() == nullptr) return Result(env, -1);
  std::memcpy(copy.data(), bytes.data, size);
  // The kernel does not read beyond the guard, but would return EFAULT although the argument is what is wrong.
  tun_filter filter{};
  if (size >= kTunFilter) std::memcpy(&filter, copy.data(), kTunFilter);
  if (size < kTunFilter + (size_t{ETH_ALEN} * filter.count)) {
    args->Refuse(2, Refusal::kStorage);
    return args->Refused();
  }
  const int result = ::ioctl(fd, request, copy.data());
  args->out()[OUT_VALUE] = result;
  return Result(env, result);
}

}  // namespace

// (fd, request, argument): the argument is an int, whose new value is in out[OUT_VALUE], or the bytes of a struct,
// which are changed in place.
napi_value Ioctl(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const uint32_t request = args.Unsigned(1);
  const Argument argument = ArgumentOf(request);
  if (!args.refused() && argument.kind == Kind::kUnknown) args.Refuse(1, Refusal::kPointer);
  if (args.refused()) return args.Refused();

  if (argument.kind == Kind::kNone || argument.kind == Kind::kInt) {
    int value = args.Has(2) ? args.Int(2) : 0;
    if (args.refused()) return args.Refused();
    const int result = ::ioctl(fd, request, &value);
    args.out()[OUT_VALUE] = argument.kind == Kind::kNone ? result : value;
    const bool made = argument.kind == Kind::kNone && request != FIOCLEX && request != FIONCLEX;
    return made ? Fresh(env, args.environment(), result, false) : Result(env, result);
  }
  if (argument.kind == Kind::kValue) {
    const uint32_t value = args.Unsigned(2);
    if (args.refused()) return args.Refused();
    const int result = ::ioctl(fd, request, static_cast<unsigned long>(value));
    args.out()[OUT_VALUE] = result;
    return Result(env, result);
  }
  const Bytes bytes = args.GetBytes(2);
  if (argument.kind == Kind::kStruct && bytes.size != argument.size) args.Refuse(2, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  if (argument.kind == Kind::kFilter) return SetFilter(env, fd, request, bytes, &args);
  const int result = ::ioctl(fd, request, bytes.data);
  args.out()[OUT_VALUE] = result;
  return Result(env, result);
}

// (fd, request, ifreq, data): the struct ifreq points to a copy of the data, which is copied back afterwards.
napi_value IoctlData(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const uint32_t request = args.Unsigned(1);
  const Bytes name = args.GetBytes(2);
  const Bytes data = args.GetBytes(3);
  if (!args.refused() && !PointsToData(request)) args.Refuse(1, Refusal::kRequest);
  if (!args.refused() && name.size != sizeof(ifreq)) args.Refuse(2, Refusal::kStorage);
  if (args.refused()) return args.Refused();

  // The kernel does not check the length of the data. For some commands (ETHTOOL_GSTRINGS) it writes as much as the
  // device has.
  const Guarded copy(data.size);
  if (copy.data() == nullptr) return Result(env, -1);
  std::memcpy(copy.data(), data.data, data.size);
  ifreq argument{};
  std::memcpy(&argument, name.data, IFNAMSIZ);
  argument.ifr_data = reinterpret_cast<char*>(copy.data());
  const int result = ::ioctl(fd, request, &argument);
  args.out()[OUT_VALUE] = result;
  const napi_value answer = Result(env, result);
  std::memcpy(data.data, copy.data(), data.size);
  return answer;
}

}  // namespace sys_socket
