// The epoll sets of an environment. There is one for each evaluation of lib/loop/reactor.ts in it: a test runner
// evaluates modules again, and each copy serves the code that waits in it. reactor.cc or reactor_thread.cc waits for
// the events of a set; this is what both do.
#pragma once

#include <node_api.h>
#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>

#include "allocated.h"
#include "args.h"

namespace sys_socket {

struct EpollSet : Allocated {
  napi_env env = nullptr;
  Environment* environment = nullptr;
  int id = -1;
  int epoll = -1;
  napi_ref list = nullptr;  // the ready list
  bool alive = false;       // whether it keeps the process alive
  EpollSet* next = nullptr;

  // Sets whether it keeps the process alive.
  napi_status (*keep_alive)(EpollSet* set, bool alive) = nullptr;
  // Replaces the set by a new, empty one. Returns 0 or -errno; after an error the old set is unchanged. Null if this is
  // not possible.
  int (*renew)(EpollSet* set) = nullptr;
};

// Adds a set and assigns its number.
void Enter(EpollSet* set);

void Leave(const EpollSet* set);

// Refuses an argument that is not an Int32Array on shared memory that can contain an event.
template <size_t N>
void CheckList(Args<N>* args, size_t index) {
  const Bytes list = args->GetShared(index);
  if (!args->refused() && list.size < sizeof(ReadyEvent)) args->Refuse(index, Refusal::kStorage);
}

// The memory of a ready list, and the number of events that it can contain: 0 if it is garbage collected.
struct ReadyList {
  ReadyEvent* events = nullptr;
  size_t capacity = 0;
};

// Returns whether Node-API succeeded.
bool GetList(const EpollSet& set, ReadyList* list);

inline ReadyEvent ToReady(const epoll_event& event) {
  return {.fd = static_cast<int32_t>(event.data.u64 & UINT32_MAX),
          .generation = static_cast<int32_t>(event.data.u64 >> 32),
          .events = static_cast<int32_t>(event.events)};
}

// Passes what JavaScript threw to uncaughtException. A program that handles it continues, and so do its sockets.
// Returns whether JavaScript can be called again.
bool Continues(napi_env env, napi_status status);

// Closes a file descriptor unless it is -1, and sets it to -1.
void CloseDescriptor(int* fd);

// Converts a status of Node-API to 0 or -errno.
int Errno(napi_status status);

}  // namespace sys_socket
