// The epoll sets of an environment, one for each evaluation of lib/socket/reactor.ts in it: a test runner evaluates
// modules again, and each copy serves those who wait in it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocated.h"
#include "args.h"

namespace sys_socket {

// The ready list: three numbers for each event, descriptor, generation and events.
inline constexpr size_t kFields = 3;
inline constexpr size_t kMostEvents = 1024;

struct EpollSet : Allocated {
  int id = -1;
  int epoll = -1;
  bool threaded = false;
  EpollSet* next = nullptr;
};

// Enters a set, which has a number from then on.
inline void Enter(Environment* environment, EpollSet* set) {
  set->id = environment->sets == nullptr ? 0 : environment->sets->id + 1;
  set->next = environment->sets;
  environment->sets = set;
}

inline void Leave(Environment* environment, const EpollSet* set) {
  EpollSet** link = &environment->sets;
  while (*link != nullptr && *link != set) link = &(*link)->next;
  if (*link == set) *link = set->next;
}

inline EpollSet* Find(const Environment* environment, int id) {
  EpollSet* set = environment->sets;
  while (set != nullptr && set->id != id) set = set->next;
  return set;
}

// How many events the list that a reference holds has room for, and its memory: none when it is detached or collected.
// Whether Node-API could tell.
inline bool Places(napi_env env, napi_ref list, int32_t** memory, size_t* places) {
  *places = 0;
  napi_value array = nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_reference_value(env, list, &array) != napi_ok) return false;
  if (array == nullptr) return true;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) != napi_ok) return false;
  if (type != napi_int32_array) return true;
  *memory = static_cast<int32_t*>(data);
  *places = length / kFields < kMostEvents ? length / kFields : kMostEvents;
  return true;
}

}  // namespace sys_socket
