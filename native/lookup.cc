// Look-ups on the thread pool of libuv. They may wait on the network for a long time, and the pool belongs to files and
// cryptography, too: only some run at once, and the others wait here, where they can be cancelled. An environment that
// ends waits for those that run, which nothing can interrupt, and for no other.
#include "lookup.h"

#include "args.h"

namespace sys_socket {
namespace {

void Free(napi_env env, Lookup* lookup) {
  // Both fail only for arguments that are none.
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

// Calls back with the outcome. A call that fails is made once more, with -ENOMEM; it resolves a promise, so that to
// make it twice does no harm. False when this environment runs no JavaScript any more.
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
    // Without an exception, this status says that JavaScript cannot run.
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
  if (last_ == nullptr) {
    first_ = lookup;
  } else {
    last_->next = lookup;
  }
  last_ = lookup;
}

void Lookups::Remove(const Lookup* lookup) {
  Lookup* before = nullptr;
  for (Lookup* at = first_; at != nullptr; before = at, at = at->next) {
    if (at != lookup) continue;
    (before == nullptr ? first_ : before->next) = at->next;
    if (last_ == at) last_ = before;
    if (at->started) --running_;
    return;
  }
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
  if (running_ < most_) {
    if (napi_queue_async_work(env, lookup->work) != napi_ok) {
      Free(env, lookup);
      return -ENOMEM;
    }
    lookup->started = true;
    ++running_;
  }
  Append(lookup);
  return last_id_;
}

void Lookups::Cancel(napi_env env, int32_t id) {
  for (Lookup* lookup = first_; lookup != nullptr; lookup = lookup->next) {
    if (lookup->id != id) continue;
    if (lookup->started) {
      // It may still wait for a thread: then Complete is told. That it runs already is no error.
      (void)napi_cancel_async_work(env, lookup->work);
    } else {
      Remove(lookup);
      (void)Settle(env, lookup, Number(env, -ECANCELED));
      Free(env, lookup);
    }
    return;
  }
}

// Of those that wait.
void Lookups::StartNext(napi_env env) {
  while (running_ < most_) {
    Lookup* lookup = first_;
    while (lookup != nullptr && lookup->started) lookup = lookup->next;
    if (lookup == nullptr) return;
    if (napi_queue_async_work(env, lookup->work) == napi_ok) {
      lookup->started = true;
      ++running_;
    } else {
      Remove(lookup);
      (void)Settle(env, lookup, Number(env, -ENOMEM));
      Free(env, lookup);
    }
  }
}

// Those that wait shall not begin.
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
