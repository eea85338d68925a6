// Sends Ethernet frames with sendmmsg as fast as the link accepts them: flood <interface> <packets> <bytes>.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

int main(int, char** argv) {
  constexpr int kBatch = 64;
  const long packets = std::atol(argv[2]);
  std::vector<unsigned char> frame(static_cast<size_t>(std::atol(argv[3])), 0);
  std::memset(frame.data(), 0xff, 6);  // the broadcast address
  frame[12] = 0x88;                    // the EtherType for local experiments
  frame[13] = 0xb5;
  const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
  sockaddr_ll name = {};
  name.sll_family = AF_PACKET;
  name.sll_ifindex = static_cast<int>(::if_nametoindex(argv[1]));
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) {
    std::perror("flood");
    return 1;
  }
  iovec vector = {frame.data(), frame.size()};
  mmsghdr messages[kBatch] = {};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &vector;
    message.msg_hdr.msg_iovlen = 1;
  }
  for (long sent = 0; sent < packets;) {
    const long left = packets - sent;
    const int n = ::sendmmsg(fd, messages, left < kBatch ? static_cast<unsigned>(left) : kBatch, 0);
    if (n > 0) sent += n;
  }
  return 0;
}
