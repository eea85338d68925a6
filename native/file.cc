// Moves data between file descriptors without copying it into this process: man 2 sendfile, splice, tee.
#include <fcntl.h>
#include <sys/sendfile.h>

#include "args.h"

namespace sys_socket {

// (out fd, in fd, offset or undefined, count)
napi_value Sendfile(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int out = args.Int(0);
  const int in = args.Int(1);
  off64_t offset = args.Has(2) ? args.Long(2) : 0;
  const int64_t count = args.Long(3);
  if (args.refused()) return args.Refused();
  return Result(env, ::sendfile64(out, in, args.Has(2) ? &offset : nullptr, static_cast<size_t>(count)));
}

// (in fd, in offset or undefined, out fd, out offset or undefined, length, flags)
napi_value Splice(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const int in = args.Int(0);
  off64_t in_offset = args.Has(1) ? args.Long(1) : 0;
  const int out = args.Int(2);
  off64_t out_offset = args.Has(3) ? args.Long(3) : 0;
  const int64_t length = args.Long(4);
  const uint32_t flags = args.Unsigned(5);
  if (args.refused()) return args.Refused();
  return Result(env, ::splice(in, args.Has(1) ? &in_offset : nullptr, out, args.Has(3) ? &out_offset : nullptr,
                              static_cast<size_t>(length), flags));
}

// (in fd, out fd, length, flags)
napi_value Tee(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int in = args.Int(0);
  const int out = args.Int(1);
  const int64_t length = args.Long(2);
  const uint32_t flags = args.Unsigned(3);
  if (args.refused()) return args.Refused();
  return Result(env, ::tee(in, out, static_cast<size_t>(length), flags));
}

}  // namespace sys_socket
