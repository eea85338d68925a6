// Requests to devices and sockets: man 2 ioctl.
#include <linux/sockios.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

#include "args.h"
#include "compat.h"

namespace sys_socket {
namespace {

enum class Argument : uint8_t { kNone, kInt, kIfreq, kArpreq, kUnknown };

// The requests whose argument this library knows the size of.
Argument ArgumentOf(uint32_t request) {
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
    case SIOCGSKNS:  // gives a new descriptor, close-on-exec
      return Argument::kNone;
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
      return Argument::kInt;
    case SIOCGARP:
    case SIOCSARP:
    case SIOCDARP:
      return Argument::kArpreq;
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
      return Argument::kIfreq;
    default:
      return Argument::kUnknown;
  }
}

}  // namespace

// (fd, request, argument): an int, whose new value is out[0], or the bytes of a struct, changed in place.
napi_value Ioctl(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int fd = args.Int(0);
  const uint32_t request = args.Unsigned(1);
  const Argument kind = ArgumentOf(request);
  if (!args.refused() && kind == Argument::kUnknown) args.Refuse(1, Refusal::kPointer);
  if (args.refused()) return args.Refused();

  if (kind == Argument::kNone || kind == Argument::kInt) {
    int value = args.Has(2) ? args.Int(2) : 0;
    if (args.refused()) return args.Refused();
    const int result = ::ioctl(fd, request, &value);
    args.out()[0] = kind == Argument::kNone ? result : value;
    return Result(env, result);
  }
  const Bytes bytes = args.GetBytes(2);
  if (bytes.size != (kind == Argument::kIfreq ? sizeof(ifreq) : sizeof(arpreq))) args.Refuse(2, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  const int result = ::ioctl(fd, request, bytes.data);
  args.out()[0] = result;
  return Result(env, result);
}

}  // namespace sys_socket
