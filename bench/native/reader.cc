// A C reader of a TPACKET_V3 ring, for comparison: reader <interface> <ring> <block> <milliseconds>. It reads the
// header and the first bytes of each packet. When its standard input ends, it prints packets, bytes and drops.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int, char** argv) {
  const auto ring = static_cast<unsigned>(std::atol(argv[2]));
  const auto size = static_cast<unsigned>(std::atol(argv[3]));
  const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
  const int version = TPACKET_V3;
  tpacket_req3 request = {};
  request.tp_block_size = size;
  request.tp_block_nr = ring / size;
  request.tp_frame_size = 2048;
  request.tp_frame_nr = ring / 2048;
  request.tp_retire_blk_tov = static_cast<unsigned>(std::atol(argv[4]));
  sockaddr_ll name = {};
  name.sll_family = AF_PACKET;
  name.sll_protocol = htons(ETH_P_ALL);
  name.sll_ifindex = static_cast<int>(::if_nametoindex(argv[1]));
  if (::setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
      ::setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) != 0) {
    std::perror("reader");
    return 1;
  }
  auto* base = static_cast<uint8_t*>(::mmap(nullptr, ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (base == MAP_FAILED || ::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) {
    std::perror("reader");
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t sum = 0;
  unsigned current = 0;
  for (bool ended = false; !ended;) {
    auto* block = reinterpret_cast<tpacket_block_desc*>(base + (static_cast<size_t>(current) * size));
    if ((__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) {
      pollfd fds[] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
      ::poll(fds, 2, -1);
      ended = fds[1].revents != 0 && (fds[0].revents & POLLIN) == 0;
      continue;
    }
    auto* packet =
        reinterpret_cast<tpacket3_hdr*>(reinterpret_cast<uint8_t*>(block) + block->hdr.bh1.offset_to_first_pkt);
    for (unsigned i = 0; i < block->hdr.bh1.num_pkts; ++i) {
      const uint8_t* data = reinterpret_cast<uint8_t*>(packet) + packet->tp_mac;
      packets += 1;
      bytes += packet->tp_snaplen;
      sum += data[12];
      packet = reinterpret_cast<tpacket3_hdr*>(reinterpret_cast<uint8_t*>(packet) + packet->tp_next_offset);
    }
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    current = (current + 1) % request.tp_block_nr;
  }
  tpacket_stats_v3 statistics = {};
  socklen_t length = sizeof(statistics);
  ::getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length);
  std::printf("%llu %llu %u %llu\n", static_cast<unsigned long long>(packets), static_cast<unsigned long long>(bytes),
              statistics.tp_drops, static_cast<unsigned long long>(sum));
  return 0;
}
