// Network interfaces: man 3 if_nametoindex, if_nameindex, getifaddrs.
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "args.h"
#include "pack.h"
#include "text.h"

namespace sys_socket {
namespace {

// Returns the size of a sockaddr that has no length field.
size_t AddressSize(const sockaddr* address) {
  switch (address->sa_family) {
    case AF_INET:
      return sizeof(sockaddr_in);
    case AF_INET6:
      return sizeof(sockaddr_in6);
    case AF_PACKET: {
      const auto* link = reinterpret_cast<const sockaddr_ll*>(address);
      return offsetof(sockaddr_ll, sll_addr) + link->sll_halen;
    }
    default:
      return sizeof(sa_family_t);
  }
}

void PutAddress(Pack* pack, const sockaddr* address) {
  if (address == nullptr) {
    pack->Int(-1);
  } else {
    pack->Put(address, AddressSize(address));
  }
}

// The part of struct rtnl_link_stats that every kernel has: 23 numbers with 32 bits each.
constexpr size_t kStatsSize = 23 * sizeof(uint32_t);

}  // namespace

// (name): returns the index, or -errno.
napi_value IfNametoindex(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const Text name(env, &args, 0);
  if (args.refused()) return args.Refused();
  // musl would truncate the name and find an interface with a shorter one.
  if (name.size() >= IF_NAMESIZE) return Number(env, -ENODEV);
  const unsigned index = ::if_nametoindex(name.c_str());
  return index == 0 ? Result(env, -1) : Number(env, index);
}

// (index): returns the name, or -errno.
napi_value IfIndextoname(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const uint32_t index = args.Unsigned(0);
  if (args.refused()) return args.Refused();
  char name[IF_NAMESIZE] = {};
  if (::if_indextoname(index, name) == nullptr) return Result(env, -1);
  napi_value result = nullptr;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result) != napi_ok) return Failed(env);
  return result;
}

napi_value IfNameindex(napi_env env, napi_callback_info) {
  struct if_nameindex* list = ::if_nameindex();
  if (list == nullptr) return Result(env, -1);
  Pack pack;
  for (const auto* entry = list; entry->if_index != 0; ++entry) {
    pack.Int(static_cast<int32_t>(entry->if_index));
    pack.String(entry->if_name);
  }
  ::if_freenameindex(list);
  return pack.Give(env);
}

napi_value Getifaddrs(napi_env env, napi_callback_info) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) < 0) return Result(env, -1);
  Pack pack;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    pack.String(entry->ifa_name);
    pack.Int(static_cast<int32_t>(entry->ifa_flags));
    PutAddress(&pack, entry->ifa_addr);
    PutAddress(&pack, entry->ifa_netmask);
    PutAddress(&pack, entry->ifa_dstaddr);  // or ifa_broadaddr, depending on IFF_BROADCAST and IFF_POINTOPOINT
    // The entry of a link. It may have no address, for example that of a tun interface.
    const bool link = entry->ifa_addr == nullptr || entry->ifa_addr->sa_family == AF_PACKET;
    if (link && entry->ifa_data != nullptr) {
      pack.Put(entry->ifa_data, kStatsSize);
    } else {
      pack.Int(-1);
    }
  }
  ::freeifaddrs(list);
  return pack.Give(env);
}

}  // namespace sys_socket
