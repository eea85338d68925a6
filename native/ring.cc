// Rings: memory that a packet socket shares with this process, man 7 packet, PACKET_RX_RING and PACKET_TX_RING.
//
// JavaScript accesses a ring through an ArrayBuffer on the mapping itself. Code that holds a view of it (the program,
// or zlib on another thread, which aborts if the ArrayBuffer is detached meanwhile) may read it at any time, so its
// addresses stay mapped until no such code is left. When a ring is closed, pages of zeros replace the memory of the
// kernel atomically at the same addresses. They are unmapped with the last holder: the environment, or the memory of
// the ArrayBuffer. When an environment ends, Node detaches the ArrayBuffer and reports that its memory is free, even if
// it is still in use. If it was moved away before, possibly to another thread, the addresses therefore stay mapped
// forever.
//
// Whether it was moved can only be determined before Node detaches it, which happens before any cleanup hook is called.
// But Node detaches the ArrayBuffers on foreign memory from the last one to the first: a witness, which is created
// after the ring, is finalized before it.
#include "ring.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>

#include "allocated.h"
#include "args.h"

namespace sys_socket {

// An ArrayBuffer of one byte that no program can access.
struct Witness : Allocated {
  uint8_t byte = 0;
  Ring* ring = nullptr;  // null if the ring was freed before
};

struct Ring : Allocated {
  uint8_t* data = nullptr;
  size_t size = 0;
  int32_t id = 0;
  Ring* next = nullptr;
  std::atomic<int> holders = 1;
  napi_ref buffer = nullptr;  // weak
  napi_ref kept = nullptr;    // the ArrayBuffer of the witness
  Witness* witness = nullptr;
  bool seen = false;   // the witness was finalized
  bool stays = false;  // the addresses are not unmapped
};

namespace {

void Release(Ring* ring) {
  if (ring->holders.fetch_sub(1) != 1) return;
  if (ring->size > 0 && !ring->stays) ::munmap(ring->data, ring->size);
  delete ring;
}

// Returns whether the environment is ending. Node then also calls finalizers, although nothing runs any more.
bool IsEnding(napi_env env) {
  napi_value object = nullptr;
  return napi_create_object(env, &object) != napi_ok || napi_set_property(env, object, object, object) != napi_ok;
}

// Returns whether an ArrayBuffer may have been moved away. That includes one that was garbage collected and whose
// finalizer Node has not called yet.
bool IsMoved(napi_env env, napi_ref reference) {
  napi_value buffer = nullptr;
  bool detached = true;
  const bool known = napi_get_reference_value(env, reference, &buffer) == napi_ok && buffer != nullptr &&
                     napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok;
  return !known || detached;
}

// Called when the environment ends while there is a ring, or after the ring was freed.
void FinalizeWitness(napi_env env, void*, void* data) {
  const std::unique_ptr<Witness> witness(static_cast<Witness*>(data));
  Ring* ring = witness->ring;
  if (ring == nullptr) return;
  ring->witness = nullptr;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  ring->seen = true;
  ring->stays = IsMoved(env, ring->buffer);
  napi_close_handle_scope(env, scope);
}

// Called when nobody has the memory any more, or when the environment ends.
void Finalize(napi_env env, void*, void* data) {
  auto* ring = static_cast<Ring*>(data);
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    // Without a witness, it is unknown whether the memory was moved away.
    if (!ring->seen) ring->stays = IsEnding(env);
    napi_close_handle_scope(env, scope);
  } else {
    ring->stays = true;
  }
  if (ring->witness != nullptr) ring->witness->ring = nullptr;
  for (const napi_ref reference : {ring->buffer, ring->kept}) {
    if (reference != nullptr) napi_delete_reference(env, reference);
  }
  Release(ring);
}

// Creates the witness of a ring. If that fails halfway, the witness is finalized with its ArrayBuffer.
void MakeWitness(napi_env env, Ring* ring) {
  auto* witness = new (std::nothrow) Witness;
  if (witness == nullptr) return;
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, &witness->byte, 1, FinalizeWitness, witness, &buffer) != napi_ok) {
    delete witness;
    return;
  }
  if (napi_create_reference(env, buffer, 1, &ring->kept) != napi_ok) {
    ring->kept = nullptr;
    return;
  }
  witness->ring = ring;
  ring->witness = witness;
}

// The ring in the first argument, and the offset in it in the second one. The offset must be aligned, and
// `size` bytes of the ring must follow it.
template <size_t N>
uint8_t* Place(Args<N>* args, size_t size) {
  const Ring* ring = args->environment()->rings.Find(args->Int(0));
  const uint32_t offset = args->Unsigned(1);
  if (ring == nullptr || offset % sizeof(uint32_t) != 0 || offset > ring->size || size > ring->size - offset) {
    args->Refuse(1, Refusal::kStorage);
    return nullptr;
  }
  return ring->data + offset;
}

}  // namespace

int32_t Rings::Add(uint8_t* data, size_t size) {
  auto* ring = new (std::nothrow) Ring;
  if (ring == nullptr) return -1;
  ring->data = data;
  ring->size = size;
  ring->id = ids_++;
  ring->next = first_;
  first_ = ring;
  return ring->id;
}

Ring* Rings::Find(int32_t id) const {
  Ring* ring = first_;
  while (ring != nullptr && ring->id != id) ring = ring->next;
  return ring;
}

void Rings::Remove(int32_t id) {
  Ring** link = &first_;
  while (*link != nullptr && (*link)->id != id) link = &(*link)->next;
  Ring* ring = *link;
  if (ring == nullptr) return;
  *link = ring->next;
  constexpr int kZeros = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  const bool seen = ring->holders > 1 || ring->stays;
  if (seen && ::mmap(ring->data, ring->size, PROT_READ | PROT_WRITE, kZeros, -1, 0) == MAP_FAILED) {
    ring->size = 0;  // the owner of the addresses is unknown, so they are not unmapped
  }
  Release(ring);
}

Rings::~Rings() {
  while (first_ != nullptr) Remove(first_->id);
}

// (fd, size): maps all rings of a packet socket with mmap(2). Returns the id of the mapping, or -errno. Other files are
// rejected: the memory of a file ends where the file ends, and an access beyond it is a fatal SIGBUS.
napi_value RingMap(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const uint32_t size = args.Unsigned(1);
  if (args.refused()) return args.Refused();
  int domain = 0;
  socklen_t length = sizeof(domain);
  const int known = ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  if (known < 0) return Result(env, known);
  if (domain != AF_PACKET) return Number(env, -ENODEV);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return Result(env, -1);
  // A child process would keep the socket open with its mapping.
  ::madvise(data, size, MADV_DONTFORK);
  const int32_t id = args.environment()->rings.Add(static_cast<uint8_t*>(data), size);
  if (id >= 0) {
    napi_value result = Number(env, id);
    if (result == nullptr) args.environment()->rings.Remove(id);  // nobody learns its id
    return result;
  }
  ::munmap(data, size);
  return Number(env, -ENOMEM);
}

// (id): returns an ArrayBuffer on the mapping, or undefined in a runtime without such ArrayBuffers. It may be called
// once per ring.
napi_value RingBuffer(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Ring* ring = args.environment()->rings.Find(args.Int(0));
  if (ring == nullptr || ring->holders > 1) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  napi_value buffer = nullptr;
  ring->holders += 1;
  if (napi_create_external_arraybuffer(env, ring->data, ring->size, Finalize, ring, &buffer) != napi_ok) {
    ring->holders -= 1;
    return nullptr;
  }
  if (napi_create_reference(env, buffer, 0, &ring->buffer) != napi_ok) return Failed(env);
  MakeWitness(env, ring);
  return buffer;
}

// (id, offset): loads the status word at the offset. What the kernel wrote before it is visible afterwards.
napi_value RingLoad(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const auto* place = reinterpret_cast<uint32_t*>(Place(&args, sizeof(uint32_t)));
  if (args.refused()) return args.Refused();
  return Number(env, __atomic_load_n(place, __ATOMIC_ACQUIRE));
}

// (id, offset, status): stores the status word. The kernel sees everything that was written before it.
napi_value RingStore(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  auto* place = reinterpret_cast<uint32_t*>(Place(&args, sizeof(uint32_t)));
  const uint32_t status = args.Unsigned(2);
  if (args.refused()) return args.Refused();
  __atomic_store_n(place, status, __ATOMIC_RELEASE);
  return Number(env, 0);
}

// (id, offset, to): copies bytes out of the ring, for runtimes without an ArrayBuffer on it.
napi_value RingRead(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const Bytes to = args.GetBytes(2);
  const uint8_t* place = Place(&args, to.size);
  if (args.refused()) return args.Refused();
  std::memcpy(to.data, place, to.size);
  return Number(env, 0);
}

// (id, offset, from): copies bytes into the ring.
napi_value RingWrite(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const Bytes from = args.GetBytes(2);
  uint8_t* place = Place(&args, from.size);
  if (args.refused()) return args.Refused();
  std::memcpy(place, from.data, from.size);
  return Number(env, 0);
}

// (id): unmaps the ring. Existing views of it show zeros from now on.
napi_value RingUnmap(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int32_t id = args.Int(0);
  if (args.refused()) return args.Refused();
  args.environment()->rings.Remove(id);
  return Number(env, 0);
}

}  // namespace sys_socket
