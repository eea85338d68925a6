// The sum of Internet checksums: RFC 1071.
#include <arpa/inet.h>

#include <cstring>

#include "args.h"

namespace sys_socket {
namespace {

// Returns the ones' complement sum of 16-bit words in this machine's byte order: RFC 1071, 2(B). An odd last byte is
// the first byte of its word.
uint16_t Sum(const uint8_t* data, size_t size) {
  uint64_t sum = 0;
  for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), data += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, data, sizeof(word));
    sum += word;
    sum += static_cast<uint64_t>(sum < word);  // end-around carry
  }
  uint64_t rest = 0;
  std::memcpy(&rest, data, size);
  sum += rest;
  sum += static_cast<uint64_t>(sum < rest);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

}  // namespace

// (bytes, from, to): returns the sum of the words in network byte order, from 0 to 65535.
napi_value ChecksumSum(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int64_t from = args.Long(1);
  const int64_t to = args.Long(2);
  const Bytes bytes = args.GetBytes(0);
  if (from < 0 || from > to || static_cast<uint64_t>(to) > bytes.size) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  return Number(env, ntohs(Sum(bytes.data + from, static_cast<size_t>(to - from))));
}

}  // namespace sys_socket
