// Runs look-ups on the thread pool of libuv. They may wait for the network for a long time, and files and cryptography
// use the pool as well. Therefore only some of them run at once; the others wait here, where they can be cancelled. An
// environment that ends waits only for those that are running, which nothing can interrupt.
#include "lookup.h"

#include <atomic>

#include "args.h"

namespace sys_socket {
namespace {

// The look-ups of all environments that are in the thread pool, which the process has once.
std::atomic<int32_t> in_pool{0};

void Free(napi_env env, Lookup* lookup) {
  // Both calls fail only for invalid arguments.
  (void)napi_delete_reference(env, lookup->callback);
  (void)napi_delete_async_work(env, lookup->work);
  lookup->destroy(lookup);
}

void ClearException(napi_env env) {
  bool pending = false;
  napi_value error = nullptr;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    (void)napi_get_and_clear_last_exception(env, &error);
  }
}

// Calls back with the outcome. If the call fails, it is repeated with -ENOMEM. It resolves a promise, so calling twice
// does no harm. Returns false if this environment can no longer run JavaScript.
bool Settle(napi_env env, const Lookup* lookup, napi_value outcome) {
  for (int tries = 0; tries < 2; ++tries) {
    if (outcome == nullptr || tries > 0) {
      ClearException(env);
      outcome = Number(env, -ENOMEM);
    }
    napi_value undefined = nullptr;
    napi_value callback = nullptr;
    if (outcome == nullptr || napi_get_undefined(env, &undefined) != napi_ok ||
        napi_get_reference_value(env, lookup->callback, &callback) != napi_ok) {
      continue;
    }
    const napi_status status = napi_call_function(env, undefined, callback, 1, &outcome, nullptr);
    if (status == napi_ok) return true;
    bool pending = false;
    if (status == napi_cannot_run_js) return false;
    // If no exception is pending, this status means that JavaScript cannot run.
    if (status == napi_pending_exception && napi_is_exception_pending(env, &pending) == napi_ok && !pending)
      return false;
  }
  ClearException(env);
  return true;
}

}  // namespace

Lookups::~Lookups() {
  for (Lookup* lookup = first_; lookup != nullptr;) {
    Lookup* next = lookup->next;
    if (lookup->started) {
      lookup->owner = nullptr;  // Complete frees it
    } else {
      lookup->destroy(lookup);
    }
    lookup = next;
  }
}

void Lookups::Append(Lookup* lookup) {
  lookup->before = last_;
  (last_ == nullptr ? first_ : last_->next) = lookup;
  last_ = lookup;
  Lookup** bucket = Bucket(lookup->id);
  lookup->same = *bucket;
  *bucket = lookup;
}

void Lookups::Remove(const Lookup* lookup) {
  (lookup->before == nullptr ? first_ : lookup->before->next) = lookup->next;
  (lookup->next == nullptr ? last_ : lookup->next->before) = lookup->before;
  Lookup** link = Bucket(lookup->id);
  while (*link != lookup) link = &(*link)->same;
  *link = lookup->same;
  if (lookup->started) --running_;
}

int32_t Lookups::Add(napi_env env, Lookup* lookup, napi_value callback, int32_t most) {
  napi_value name = nullptr;
  const auto execute = [](napi_env, void* data) {
    auto* lookup = static_cast<Lookup*>(data);
    lookup->run(lookup);
  };
  if (napi_create_string_latin1(env, "sys-socket", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, Complete, lookup, &lookup->work) != napi_ok) {
    lookup->destroy(lookup);
    return -ENOMEM;
  }
  if (napi_create_reference(env, callback, 1, &lookup->callback) != napi_ok) {
    (void)napi_delete_async_work(env, lookup->work);
    lookup->destroy(lookup);
    return -ENOMEM;
  }
  most_ = most;
  last_id_ = last_id_ == INT32_MAX ? 1 : last_id_ + 1;
  lookup->id = last_id_;
  lookup->owner = this;
  if (MayStart() && !Start(env, lookup)) {
    Free(env, lookup);
    return -ENOMEM;
  }
  Append(lookup);
  return last_id_;
}

void Lookups::Cancel(napi_env env, int32_t id) {
  Lookup* lookup = *Bucket(id);
  while (lookup != nullptr && lookup->id != id) lookup = lookup->same;
  if (lookup == nullptr) return;
  if (lookup->started) {
    // The look-up may still wait for a thread, in which case Complete is called. It is not an error if it is already
    // running.
    (void)napi_cancel_async_work(env, lookup->work);
  } else {
    Remove(lookup);
    (void)Settle(env, lookup, Number(env, -ECANCELED));
    Free(env, lookup);
  }
}

// Whether one more look-up may run. An environment that runs none may always start one: it is not woken when another
// environment has finished one.
bool Lookups::MayStart() const {
  return running_ < most_ && (running_ == 0 || in_pool.load(std::memory_order_relaxed) < most_);
}

bool Lookups::Start(napi_env env, Lookup* lookup) {
  if (napi_queue_async_work(env, lookup->work) != napi_ok) return false;
  lookup->started = true;
  ++running_;
  in_pool.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Starts the next look-up that waits.
void Lookups::StartNext(napi_env env) {
  while (MayStart()) {
    Lookup* lookup = first_;
    while (lookup != nullptr && lookup->started) lookup = lookup->next;
    if (lookup == nullptr) return;
    if (!Start(env, lookup)) {
      Remove(lookup);
      (void)Settle(env, lookup, Number(env, -ENOMEM));
      Free(env, lookup);
    }
  }
}

// Removes the look-ups that wait, so that they never start.
void Lookups::Drop(napi_env env) {
  for (Lookup* lookup = first_; lookup != nullptr;) {
    Lookup* next = lookup->next;
    if (!lookup->started) {
      Remove(lookup);
      Free(env, lookup);
    }
    lookup = next;
  }
}

void Lookups::Complete(napi_env env, napi_status status, void* data) {
  auto* lookup = static_cast<Lookup*>(data);
  Lookups* owner = lookup->owner;
  in_pool.fetch_sub(1, std::memory_order_relaxed);
  if (owner != nullptr) owner->Remove(lookup);
  const bool alive =
      Settle(env, lookup, status == napi_cancelled ? Number(env, -ECANCELED) : lookup->outcome(env, lookup));
  Free(env, lookup);
  if (owner == nullptr) return;
  if (alive) {
    owner->StartNext(env);
  } else {
    owner->Drop(env);
  }
}

}  // namespace sys_socket
