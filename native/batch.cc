// Sends and receives many datagrams with one system call: man 2 sendmmsg, recvmmsg. The storage is that of a
// MessageBatch (lib/call/message-batch.ts).
#include <sys/socket.h>

#include <ctime>

#include "args.h"
#include "kernel.h"
#include "rights.h"

namespace sys_socket {
namespace {

constexpr size_t kNameSize = sizeof(sockaddr_storage);

struct Batch {
  Header* headers;
  size_t capacity;
  uint8_t* data;
  size_t data_size;
  uint8_t* names;
  uint8_t* control;
  size_t control_size;
};

struct Messages {
  mmsghdr entries[MAX_VECTOR];
  iovec vectors[MAX_VECTOR];
};

// Arguments 1 to 4 are the headers, data, names and control data; arguments 5 and 6 are the sizes of the data and of
// the control data per message. The storage belongs to JavaScript, which may have detached it, so every size is checked
// against its current length.
template <size_t N>
Batch GetBatch(Args<N>* args) {
  const uint32_t data_size = args->Unsigned(5);
  const uint32_t control_size = args->Unsigned(6);
  const Bytes headers = args->GetBytes(1);
  const Bytes data = args->GetBytes(2);
  const Bytes names = args->GetBytes(3);
  const Bytes control = args->GetBytes(4);
  const size_t capacity = headers.size / sizeof(Header);
  if (capacity == 0 || capacity > MAX_VECTOR || data.size != capacity * data_size ||
      names.size != capacity * kNameSize || control.size != capacity * control_size) {
    args->Refuse(1, Refusal::kStorage);
  }
  return {.headers = reinterpret_cast<Header*>(headers.data),
          .capacity = capacity,
          .data = data.data,
          .data_size = data_size,
          .names = names.data,
          .control = control.data,
          .control_size = control_size};
}

void PointHeader(const Batch& batch, size_t i, Messages* messages, size_t at) {
  messages->vectors[at].iov_base = batch.data + (i * batch.data_size);
  msghdr& header = messages->entries[at].msg_hdr;
  header = {};
  header.msg_name = batch.names + (i * kNameSize);
  header.msg_iov = &messages->vectors[at];
  header.msg_iovlen = 1;
  header.msg_control = batch.control_size == 0 ? nullptr : batch.control + (i * batch.control_size);
}

bool Fits(int32_t length, size_t size) { return length >= 0 && static_cast<size_t>(length) <= size; }

}  // namespace

// (fd, headers, data, names, control, data size, control size, first, count, flags)
napi_value Sendmmsg(napi_env env, napi_callback_info info) {
  Args<10> args(env, info);
  const int fd = args.Int(0);
  const uint32_t first = args.Unsigned(7);
  const uint32_t count = args.Unsigned(8);
  const int flags = args.Int(9);
  const Batch batch = GetBatch(&args);
  if (!args.refused() && (first > batch.capacity || count > batch.capacity - first)) args.Refuse(1, Refusal::kStorage);
  if (args.refused()) return args.Refused();

  Messages messages;
  size_t total = 0;
  for (size_t at = 0; at < count; ++at) {
    const size_t i = first + at;
    const Header* header_at = batch.headers + i;
    const Header from = {.length = LoadOnce<int32_t>(&header_at->length),
                         .name_length = LoadOnce<int32_t>(&header_at->name_length),
                         .control_length = LoadOnce<int32_t>(&header_at->control_length),
                         .flags = 0};
    if (!Fits(from.length, batch.data_size) || !Fits(from.name_length, kNameSize) ||
        !Fits(from.control_length, batch.control_size)) {
      args.Refuse(1, Refusal::kStorage);
      return args.Refused();
    }
    PointHeader(batch, i, &messages, at);
    messages.vectors[at].iov_len = static_cast<size_t>(from.length);
    msghdr& header = messages.entries[at].msg_hdr;
    if (from.name_length == 0) header.msg_name = nullptr;
    header.msg_namelen = static_cast<socklen_t>(from.name_length);
    header.msg_controllen = static_cast<size_t>(from.control_length);
    total += header.msg_controllen;
  }
  ControlRoom room(total);
  if (room.failed()) return Number(env, -ENOMEM);
  for (size_t at = 0; at < count && total > 0; ++at) {
    msghdr& header = messages.entries[at].msg_hdr;
    if (header.msg_controllen == 0) continue;
    uint8_t* copy = room.Copy(static_cast<const uint8_t*>(header.msg_control), header.msg_controllen);
    if (HoldsPointer(copy, header.msg_controllen)) {
      args.Refuse(4, Refusal::kPointer);
      return args.Refused();
    }
    header.msg_control = copy;
  }
  return Result(env, kernel::sendmmsg(fd, messages.entries, count, flags));
}

// (fd, headers, data, names, control, data size, control size, flags, seconds, nanoseconds?); see StoreReceipt. The
// receipt of message i is the given one plus i.
napi_value Recvmmsg(napi_env env, napi_callback_info info) {
  Args<10> args(env, info);
  const int fd = args.Int(0);
  const int flags = args.Int(7);
  timespec timeout = {};
  const bool timed = args.Has(9);
  if (timed) {
    bool seconds_fit = false;
    int64_t seconds = 0;
    if (napi_get_value_bigint_int64(env, args.value(8), &seconds, &seconds_fit) != napi_ok || !seconds_fit) {
      args.Refuse(8, Refusal::kNanoseconds);
    }
    timeout.tv_sec = seconds;
    timeout.tv_nsec = args.Int(9);
  }
  const Batch batch = GetBatch(&args);
  if (args.refused()) return args.Refused();

  // The kernel writes the control data into memory that only this call uses, as in recvmsg.
  const ControlRoom room(batch.capacity * batch.control_size);
  if (room.failed()) return Number(env, -ENOMEM);
  Batch private_batch = batch;
  private_batch.control = room.data();

  Messages messages;
  for (size_t i = 0; i < batch.capacity; ++i) {
    PointHeader(private_batch, i, &messages, i);
    messages.vectors[i].iov_len = batch.data_size;
    messages.entries[i].msg_hdr.msg_namelen = kNameSize;
    messages.entries[i].msg_hdr.msg_controllen = batch.control_size;
  }
  const int received = ReceiveCloexec(fd, flags, batch.control_size > 0, [&](int given) {
    return kernel::recvmmsg(fd, messages.entries, static_cast<unsigned>(batch.capacity), given,
                            timed ? &timeout : nullptr);
  });
  if (received < 0) return Result(env, received);
  const Receipt first = args.environment()->owned.NewReceipts(batch.capacity);
  bool any = false;
  for (int i = 0; i < received; ++i) {
    const mmsghdr& from = messages.entries[i];
    const size_t length = from.msg_hdr.msg_controllen;
    if (length > 0) {
      const auto* written = static_cast<const uint8_t*>(from.msg_hdr.msg_control);
      if (OwnArrived(env, args.environment(), written, length, first + i)) any = true;
      CopyMessages(batch.control + (i * batch.control_size), written, length);
    }
    batch.headers[i] = {.length = static_cast<int32_t>(from.msg_len),
                        .name_length = static_cast<int32_t>(from.msg_hdr.msg_namelen),
                        .control_length = static_cast<int32_t>(length),
                        .flags = ReturnedFlags(from.msg_hdr.msg_flags, flags)};
  }
  StoreReceipt(args.out(), any, first);
  return Number(env, received);
}

}  // namespace sys_socket
