// libFuzzer: every exported function that accepts bytes, with arguments from the input, over a kernel (kernel.cc) that
// reads and writes all memory that it gets. AddressSanitizer and UBSan report a byte too many.
//
// Omitted, as they read no bytes from outside: addon.cc, owned.cc, file.cc (a path and a number), lookup.cc (the order
// of look-ups), epoll_set.cc and the reactors (they copy three numbers of each epoll_event, for as many as
// epoll_wait had room for; lib/loop/reactor.ts looks the file descriptor up). torture.js covers failures of Node-API in
// them. ring.cc copies words and bytes at an offset; JavaScript walks the blocks themselves: decoders.js.
#include <netinet/in.h>
#include <sys/mman.h>

#include <cstdlib>

#include "args.h"
#include "input.h"
#include "node_api_values.h"

namespace sys_socket {
// File descriptors are bytes of the input here: a table of them would be as long as the greatest.
Owned::~Owned() = default;
void Owned::Leave() {}
Owner Owned::Get(int) const { return Owner::kProgram; }
bool Owned::Set(napi_env, int fd, Owner) { return fd % 2 == 0; }
bool Owned::Arrive(napi_env, int fd, Receipt) { return fd % 2 == 0; }
void Owned::Forget(napi_env, int) {}
Lookups::~Lookups() = default;
// It runs at once: what the thread pool and the callback do with a look-up does not depend on bytes.
int32_t Lookups::Add(napi_env env, Lookup* lookup, napi_value, int32_t) {
  lookup->run(lookup);
  const napi_value outcome = lookup->outcome(env, lookup);
  lookup->destroy(lookup);
  return outcome == nullptr ? -1 : 1;
}
void Lookups::Cancel(napi_env, int32_t) {}
}  // namespace sys_socket

namespace {

using sys_socket::Environment;
using Function = napi_value (*)(napi_env, napi_callback_info);

// The letters are the kinds of the arguments, as `Argument` reads them.
struct Target {
  Function function;
  const char* arguments;
};

constexpr Target kTargets[] = {
    {sys_socket::InetPton, "ntb"},
    {sys_socket::InetNtop, "nb"},
    {sys_socket::InetAton, "tb"},
    {sys_socket::ChecksumSum, "bss"},
    {sys_socket::AttachFilter, "nobb"},
    {sys_socket::GetFilter, "n"},
    {sys_socket::Readv, "na"},
    {sys_socket::Writev, "na"},
    {sys_socket::Sendmsg, "na?b?bn"},
    {sys_socket::Recvmsg, "na?b?bn"},
    {sys_socket::Sendmmsg, "nm"},
    {sys_socket::Recvmmsg, "nm"},
    {sys_socket::Sendto, "nbnb"},
    {sys_socket::Recvfrom, "nbn?b"},
    {sys_socket::Bind, "nb"},
    {sys_socket::Getsockname, "nb"},
    {sys_socket::Accept4, "n?bn"},
    {sys_socket::Getsockopt, "nob"},
    {sys_socket::Setsockopt, "nob"},
    {sys_socket::GetsockoptInt, "no"},
    {sys_socket::SetsockoptInt, "non"},
    {sys_socket::Ioctl, "nn?b"},
    {sys_socket::Fcntl, "nnn"},
    {sys_socket::Poll, "bn"},
    {sys_socket::Ppoll, "b?nn?b"},
    {sys_socket::Select, "bbb?nn"},
    {sys_socket::Pselect, "bbb?nn?b"},
    {sys_socket::Getifaddrs, ""},
    {sys_socket::Pin, "sb"},
    {sys_socket::SendPinned, ""},
    {sys_socket::RecvPinned, ""},
    {sys_socket::RecvPooled, "b"},
    {sys_socket::Received, "b"},
    {sys_socket::IoctlData, "nnbb"},
    {sys_socket::Getaddrinfo, "?t?tnnnn"},
    {sys_socket::GetaddrinfoLater, "?t?tnnnnnn"},
    {sys_socket::Getnameinfo, "bn"},
    {sys_socket::GetnameinfoLater, "bnnn"},
    {sys_socket::Gethost, "n?tb"},
    {sys_socket::GethostLater, "n?tbnn"},
    {sys_socket::Getserv, "?tn?t"},
    {sys_socket::Getproto, "?tn"},
    {sys_socket::GaiStrerror, "n"},
    {sys_socket::Gethostname, ""},
    {sys_socket::Sethostname, "t"},
    {sys_socket::RingMap, "nn"},
    {sys_socket::RingLoad, "rw"},
    {sys_socket::RingStore, "rwn"},
    {sys_socket::RingRead, "rwb"},
    {sys_socket::RingWrite, "rwb"},
    {sys_socket::RingUnmap, "r"},
};

fuzz::Value* Bytes(size_t size) {
  auto* value = fuzz::Bytes(nullptr, 0, napi_uint8_array);
  delete[] value->data;
  value->data = new uint8_t[size];
  value->size = size;
  fuzz::input.Take(value->data, size);
  return value;
}

fuzz::Value* AnyBytes() {
  const uint8_t shape = fuzz::input.Byte();
  const uint8_t size = fuzz::input.Byte();
  auto* value = Bytes(shape < 200 ? size : size * 16U);
  value->type = static_cast<napi_typedarray_type>(shape % 13);
  return value;
}

double AnyNumber() {
  const uint8_t shape = fuzz::input.Byte();
  if (shape < 200) return shape % 32;
  if (shape < 250) return static_cast<int32_t>(fuzz::input.Number());
  double number = 0;
  fuzz::input.Take(reinterpret_cast<uint8_t*>(&number), sizeof(number));
  return number;
}

void Add(fuzz::Value* value) { fuzz::call.values[fuzz::call.count++] = value; }

// A level and a name: mostly those that the addon or the kernel treats specially.
void AddOption() {
  constexpr int kOptions[][2] = {{0, 41}, {0, 48}, {41, 48}, {6, 38}, {6, 41}, {1, 26}, {1, 51}, {263, 22}, {132, 122}};
  const uint8_t choice = fuzz::input.Byte();
  if (choice < 128) {
    const int* option = kOptions[choice % (sizeof(kOptions) / sizeof(kOptions[0]))];
    Add(fuzz::Number(option[0]));
    Add(fuzz::Number(option[1]));
  } else {
    Add(fuzz::Number(AnyNumber()));
    Add(fuzz::Number(AnyNumber()));
  }
}

// The storage of a batch: mostly with sizes that fit together, sometimes not.
void AddBatch(bool sends) {
  const uint8_t count = fuzz::input.Byte() % 8;
  const uint8_t data_size = fuzz::input.Byte();
  const uint8_t control_size = fuzz::input.Byte() % 64;
  const uint8_t off = fuzz::input.Byte();
  const auto wrong = [&](int i) { return off == 250 + i ? 1U : 0U; };
  Add(Bytes((count * 16U) + wrong(0)));
  Add(Bytes((static_cast<size_t>(count) * data_size) + wrong(1)));
  Add(Bytes((count * 128U) - (count > 0 ? wrong(2) : 0)));
  Add(Bytes((static_cast<size_t>(count) * control_size) + wrong(3)));
  Add(fuzz::Number(data_size));
  Add(fuzz::Number(control_size));
  if (sends) {
    Add(fuzz::Number(fuzz::input.Byte() % 9));
    Add(fuzz::Number(fuzz::input.Byte() % 9));
    Add(fuzz::Number(AnyNumber()));
  } else {
    Add(fuzz::Number(AnyNumber()));
    Add(fuzz::Number(AnyNumber()));
    Add(fuzz::Number(AnyNumber()));
  }
}

// The number of a ring, mostly one that is mapped.
void AddRing(Environment* environment) {
  const uint8_t number = fuzz::input.Byte() % 16 == 0 ? 1 : 0;
  if (number == 0 && environment->rings.Find(0) == nullptr) {
    const size_t size = 4 + fuzz::input.Byte();
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, -1, 0);
    environment->rings.Add(static_cast<uint8_t*>(data), size);
  }
  Add(fuzz::Number(number));
}

void AddArray() {
  auto* value = fuzz::Make(fuzz::Kind::kArray);
  for (int i = fuzz::input.Byte() % 4; i > 0; --i) value->elements.push_back(AnyBytes());
  const uint8_t shape = fuzz::input.Byte();
  value->length = shape < 240 ? shape % 8 : (shape - 239U) * 100;
  Add(value);
}

// The sum of RFC 1071, word by word.
uint16_t ReferenceSum(const uint8_t* data, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) {
    sum += static_cast<uint32_t>(data[i] << 8) | (i + 1 < size ? data[i + 1] : 0U);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::input.Set(data, size);
  static int32_t out[16];
  sys_socket::Owned owned;
  Environment environment(owned);
  environment.out = out;
  fuzz::call.data = &environment;
  for (int calls = 0; calls < 3; ++calls) {  // further calls after `pin`, and with a ring
    const Target& target = kTargets[fuzz::input.Byte() % (sizeof(kTargets) / sizeof(kTargets[0]))];
    fuzz::call.count = 0;
    for (const char* kind = target.arguments; *kind != 0; ++kind) {
      if (*kind == '?') {
        if (fuzz::input.Byte() % 3 != 0) continue;
        Add(fuzz::Make(fuzz::Kind::kUndefined));
        ++kind;
        continue;
      }
      if (*kind == 'b') Add(AnyBytes());
      if (*kind == 'n') Add(fuzz::Number(AnyNumber()));
      if (*kind == 'r') AddRing(&environment);
      if (*kind == 'w') Add(fuzz::Number(4 * (fuzz::input.Byte() % 80)));
      if (*kind == 's') Add(fuzz::Number(fuzz::input.Byte()));
      if (*kind == 'o') AddOption();
      if (*kind == 'a') AddArray();
      if (*kind == 'm') AddBatch(target.function == sys_socket::Sendmmsg);
      if (*kind == 't') {
        auto* text = AnyBytes();
        text->kind = fuzz::Kind::kText;
        Add(text);
      }
    }
    const napi_value result = target.function(nullptr, nullptr);
    if (target.function == sys_socket::ChecksumSum) {
      const auto* sum = reinterpret_cast<fuzz::Value*>(result);
      const auto* bytes = fuzz::call.values[0];
      const double from = fuzz::call.values[1]->number;
      const double to = fuzz::call.values[2]->number;
      if (sum->number >= 0 &&
          static_cast<uint16_t>(sum->number) % 0xffff !=
              ReferenceSum(bytes->data + static_cast<size_t>(from), static_cast<size_t>(to - from)) % 0xffff) {
        std::abort();
      }
    }
  }
  fuzz::Clear();
  return 0;
}
