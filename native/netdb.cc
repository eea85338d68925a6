// Names of hosts: man 3 getaddrinfo, getnameinfo, gethostbyname, gethostbyaddr, man 2 gethostname.
//
// Each look-up is a class with its arguments, Run (which may block and does not use JavaScript) and its result. It runs
// at once for the call of C, or on the thread pool for a promise.
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <new>

#include "allocated.h"
#include "args.h"
#include "compat.h"
#include "lookup.h"
#include "pack.h"
#include "text.h"

namespace sys_socket {
namespace {

// Why a look-up failed: its own error number (EAI_ or h_errno), and the errno for EAI_SYSTEM.
struct Failure {
  int code = 0;
  int error = 0;
};

// Returns whether the interface after the % of an address has a name of 16 bytes or more. No such interface exists, but
// musl would truncate the name and find an interface with a shorter one. A number may have any length.
bool HasLongScope(const char* node) {
#ifdef __GLIBC__
  static_cast<void>(node);
  return false;
#else
  const char* scope = node == nullptr ? nullptr : std::strchr(node, '%');
  if (scope == nullptr || std::strchr(node, ':') == nullptr) return false;
  ++scope;
  return std::strlen(scope) >= IF_NAMESIZE && scope[std::strspn(scope, "0123456789")] != '\0';
#endif
}

class AddressInfo {
 public:
  template <size_t N>
  bool Read(napi_env env, Args<N>* args) {
    Text node(env, args, 0, true);
    Text service(env, args, 1, true);
    hints_.ai_flags = args->Int(2);
    hints_.ai_family = args->Int(3);
    hints_.ai_socktype = args->Int(4);
    hints_.ai_protocol = args->Int(5);
    has_node_ = node.c_str() != nullptr;
    has_service_ = service.c_str() != nullptr;
    node_ = node.Release();
    service_ = service.Release();
    // There is no memory, and a null pointer would mean a different request.
    if (has_node_ && node_ == nullptr) args->Refuse(0, Refusal::kLength);
    if (has_service_ && service_ == nullptr) args->Refuse(1, Refusal::kLength);
    return !args->refused();
  }

  void Run() {
    addrinfo* list = nullptr;
    failure_.code = HasLongScope(node_.get()) ? EAI_NONAME : 0;
    if (failure_.code != 0) return;
    failure_.code =
        ::getaddrinfo(has_node_ ? node_.get() : nullptr, has_service_ ? service_.get() : nullptr, &hints_, &list);
    if (failure_.code == EAI_SYSTEM) failure_.error = errno;
    if (failure_.code != 0) return;
    for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
      pack_.Int(info->ai_flags);
      pack_.Int(info->ai_family);
      pack_.Int(info->ai_socktype);
      pack_.Int(info->ai_protocol);
      pack_.Put(info->ai_addr, info->ai_addrlen);
      pack_.String(info->ai_canonname);
    }
    ::freeaddrinfo(list);
  }

  [[nodiscard]] const Failure& failure() const { return failure_; }
  [[nodiscard]] const Pack& pack() const { return pack_; }

 private:
  String node_;
  String service_;
  bool has_node_ = false;
  bool has_service_ = false;
  addrinfo hints_ = {};
  Failure failure_;
  Pack pack_;
};

class NameInfo {
 public:
  template <size_t N>
  bool Read(napi_env, Args<N>* args) {
    flags_ = args->Int(1);
    const Bytes name = args->GetBytes(0);
    if (name.size > sizeof(name_)) args->Refuse(0, Refusal::kStorage);
    if (args->refused()) return false;
    std::memcpy(&name_, name.data, name.size);
    size_ = static_cast<socklen_t>(name.size);
    return true;
  }

  void Run() {
    char host[NI_MAXHOST] = {};
    char service[NI_MAXHOST] = {};  // the path of AF_UNIX, too
    failure_.code = ::getnameinfo(reinterpret_cast<const sockaddr*>(&name_), size_, host, sizeof(host), service,
                                  sizeof(service), flags_);
    if (failure_.code == EAI_SYSTEM) failure_.error = errno;
    if (failure_.code != 0) return;
    pack_.String(host);
    pack_.String(service);
  }

  [[nodiscard]] const Failure& failure() const { return failure_; }
  [[nodiscard]] const Pack& pack() const { return pack_; }

 private:
  sockaddr_storage name_ = {};
  socklen_t size_ = 0;
  int flags_ = 0;
  Failure failure_;
  Pack pack_;
};

// gethostbyname2 and gethostbyaddr: (family, name) or (family, bytes).
class Host {
 public:
  template <size_t N>
  bool Read(napi_env env, Args<N>* args) {
    family_ = args->Int(0);
    by_name_ = args->Has(1);
    if (by_name_) {
      Text name(env, args, 1);
      name_ = name.Release();
      if (name_ == nullptr) args->Refuse(1, Refusal::kLength);
    } else {
      const Bytes address = args->GetBytes(2);
      if (address.size > sizeof(address_)) args->Refuse(2, Refusal::kStorage);
      if (args->refused()) return false;
      std::memcpy(address_, address.data, address.size);
      address_size_ = static_cast<socklen_t>(address.size);
    }
    return !args->refused();
  }

  void Run() {
    if (by_name_ && family_ != AF_INET && family_ != AF_INET6) {
      failure_ = {.code = NETDB_INTERNAL, .error = EAFNOSUPPORT};  // glibc would abort for some of them
      return;
    }
    size_t size = 1024;
    String memory;
    hostent entry = {};
    hostent* found = nullptr;
    int h = NETDB_INTERNAL;
    int result = ERANGE;
    for (; result == ERANGE && size <= (1U << 20); size *= 2) {
      memory.reset(static_cast<char*>(std::malloc(size)));
      if (memory == nullptr) break;
      result = by_name_ ? ::gethostbyname2_r(name_.get(), family_, &entry, memory.get(), size, &found, &h)
                        : ::gethostbyaddr_r(address_, address_size_, family_, &entry, memory.get(), size, &found, &h);
    }
    if (found == nullptr) {
      // If the look-up failed internally, its errno says why.
      failure_ = {.code = h == 0 ? HOST_NOT_FOUND : h, .error = h == NETDB_INTERNAL ? result : 0};
      return;
    }
    pack_.Int(found->h_addrtype);
    pack_.String(found->h_name);
    pack_.Strings(found->h_aliases);
    for (char** address = found->h_addr_list; *address != nullptr; ++address) {
      pack_.Put(*address, static_cast<size_t>(found->h_length));
    }
  }

  [[nodiscard]] const Failure& failure() const { return failure_; }
  [[nodiscard]] const Pack& pack() const { return pack_; }

 private:
  int family_ = 0;
  bool by_name_ = false;
  String name_;
  uint8_t address_[sizeof(in6_addr)] = {};
  socklen_t address_size_ = 0;
  Failure failure_;
  Pack pack_;
};

// Returns the result of a look-up: an ArrayBuffer, an array of [code, errno], or -ENOMEM. It is null when there is no
// memory for any of these.
template <typename Question>
napi_value Outcome(napi_env env, const Question& question) {
  if (question.failure().code == 0) return question.pack().Give(env);
  napi_value result = nullptr;
  if (napi_create_array_with_length(env, 2, &result) != napi_ok ||
      napi_set_element(env, result, 0, Number(env, question.failure().code)) != napi_ok ||
      napi_set_element(env, result, 1, Number(env, question.failure().error)) != napi_ok) {
    return Number(env, -ENOMEM);
  }
  return result;
}

template <typename Question, size_t N>
napi_value Now(napi_env env, napi_callback_info info) {
  Args<N> args(env, info);
  Question question;
  if (!question.Read(env, &args)) return args.Refused();
  question.Run();
  return Outcome(env, question);
}

template <typename Question>
struct LookupOf : Lookup {
  Question question;
};

// Takes the same arguments, followed by the maximum number of look-ups that run at once and the callback. Returns the
// number of the look-up, or -errno.
template <typename Question, size_t N>
napi_value Later(napi_env env, napi_callback_info info) {
  Args<N + 2> args(env, info);
  auto lookup = std::unique_ptr<LookupOf<Question>>(new (std::nothrow) LookupOf<Question>);
  if (lookup == nullptr) return Number(env, -ENOMEM);
  if (!lookup->question.Read(env, &args)) return args.Refused();
  const int most = args.Int(N);
  if (args.refused()) return args.Refused();
  lookup->run = [](Lookup* base) { static_cast<LookupOf<Question>*>(base)->question.Run(); };
  lookup->outcome = [](napi_env to, const Lookup* base) {
    return Outcome(to, static_cast<const LookupOf<Question>*>(base)->question);
  };
  lookup->destroy = [](Lookup* base) { delete static_cast<LookupOf<Question>*>(base); };
  return Number(env, args.environment()->lookups.Add(env, lookup.release(), args.value(N + 1), most));
}

}  // namespace

// (node?, service?, flags, family, socktype, protocol)
napi_value Getaddrinfo(napi_env env, napi_callback_info info) { return Now<AddressInfo, 6>(env, info); }
napi_value GetaddrinfoLater(napi_env env, napi_callback_info info) { return Later<AddressInfo, 6>(env, info); }

// (name, flags)
napi_value Getnameinfo(napi_env env, napi_callback_info info) { return Now<NameInfo, 2>(env, info); }
napi_value GetnameinfoLater(napi_env env, napi_callback_info info) { return Later<NameInfo, 2>(env, info); }

// (family, name?, bytes?)
napi_value Gethost(napi_env env, napi_callback_info info) { return Now<Host, 3>(env, info); }
napi_value GethostLater(napi_env env, napi_callback_info info) { return Later<Host, 3>(env, info); }

// (number): cancels a look-up.
napi_value LookupCancel(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int id = args.Int(0);
  if (!args.refused()) args.environment()->lookups.Cancel(env, id);
  return args.Refused();
}

// (code): returns the text of gai_strerror.
napi_value GaiStrerror(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int code = args.Int(0);
  if (args.refused()) return args.Refused();
  napi_value result = nullptr;
  if (napi_create_string_utf8(env, ::gai_strerror(code), NAPI_AUTO_LENGTH, &result) != napi_ok) return Failed(env);
  return result;
}

// Returns the host name, or -errno.
napi_value Gethostname(napi_env env, napi_callback_info) {
  char name[256] = {};
  if (::gethostname(name, sizeof(name) - 1) < 0) return Result(env, -1);
  napi_value result = nullptr;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result) != napi_ok) return Failed(env);
  return result;
}

napi_value Sethostname(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const Text name(env, &args, 0);
  if (args.refused()) return args.Refused();
  return Result(env, ::sethostname(name.c_str(), name.size()));
}

}  // namespace sys_socket
