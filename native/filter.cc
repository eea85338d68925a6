// Classic BPF programs of sockets: man 7 socket, SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF, SO_GET_FILTER. These
// options contain a pointer. It is created here, for bytes whose length was checked, and the kernel copies the program.
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "args.h"
#include "pack.h"

namespace sys_socket {

// (fd, level, option, program)
napi_value AttachFilter(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int fd = args.Int(0);
  const int level = args.Int(1);
  const int option = args.Int(2);
  const Bytes bytes = args.GetBytes(3);
  const bool known = (level == SOL_SOCKET && (option == SO_ATTACH_FILTER || option == SO_ATTACH_REUSEPORT_CBPF)) ||
                     (level == SOL_PACKET && option == PACKET_FANOUT_DATA);
  if (!known) args.Refuse(2, Refusal::kPointer);
  const size_t length = bytes.size / sizeof(sock_filter);
  if (bytes.size % sizeof(sock_filter) != 0 || length > UINT16_MAX) args.Refuse(3, Refusal::kProgram);
  if (args.refused()) return args.Refused();
  const sock_fprog program = {.len = static_cast<uint16_t>(length),
                              .filter = reinterpret_cast<sock_filter*>(bytes.data)};
  return Result(env, ::setsockopt(fd, level, option, &program, sizeof(program)));
}

// (fd): returns the attached program, or -errno. The length of this option counts instructions.
napi_value GetFilter(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  sock_filter instructions[BPF_MAXINSNS];
  socklen_t length = BPF_MAXINSNS;
  const int result = ::getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, instructions, &length);
  if (result < 0) return Result(env, result);
  Pack pack;
  pack.Put(instructions, length * sizeof(sock_filter));
  return pack.Give(env);
}

}  // namespace sys_socket
