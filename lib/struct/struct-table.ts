/** The structs of C in socket options and control messages, one description of each. Those of addresses are in address.ts. */

import { LITTLE } from '../native/byte-order.ts';
import { sockaddr } from './address.ts';
import type { AuxiliaryData, ExtendedError, PacketInfoInput } from './control-message.ts';
import { bool, hardware, i32, in6Addr, inAddr, optional, time, u8, u16, u32, u64 } from './field.ts';
import type * as options from './option-type.ts';
import { type Struct, struct } from './struct.ts';

export const linger: Struct<options.Linger> = struct('linger', { onoff: bool('l_onoff'), linger: i32('l_linger') });

export const timeval: Struct<options.Timeval> = struct('timeval', { sec: time(0), usec: time('tv_usec') });

export const ucred: Struct<options.Ucred> = struct('ucred', {
  pid: i32('ucred_pid'),
  uid: u32('ucred_uid'),
  gid: u32('ucred_gid'),
});

/** An array of u32 values: SK_MEMINFO_RMEM_ALLOC and those that follow. */
export const meminfo: Struct<options.SocketMemory> = struct(36, {
  rmemAlloc: u32(0),
  rcvbuf: u32(4),
  wmemAlloc: u32(8),
  sndbuf: u32(12),
  fwdAlloc: u32(16),
  wmemQueued: u32(20),
  optmem: u32(24),
  backlog: u32(28),
  drops: u32(32),
});

// The headers of the build image are older than these two structs, which consist of two words each.
export const so_timestamping: Struct<options.TimestampingOption> = struct(8, {
  flags: i32(0),
  bindPhc: optional(i32(4)),
});
export const sock_txtime: Struct<options.TxtimeOption> = struct(8, { clockid: i32(0), flags: optional(u32(4)) });

/** One u32 with the low bound in its lower half. */
export const portRange: Struct<options.PortRange> = struct(4, { low: u16(LITTLE ? 0 : 2), high: u16(LITTLE ? 2 : 0) });

const outgoing = {
  address: optional(inAddr('mreqn_address')),
  ifindex: optional(i32('mreqn_ifindex')),
};
export const ip_mreqn: Struct<options.Mreqn> = struct('ip_mreqn', {
  multiaddr: inAddr('mreqn_multiaddr'),
  ...outgoing,
});
export const multicastInterface: Struct<options.MulticastInterface> = struct('ip_mreqn', outgoing);

export const ip_mreq_source: Struct<options.MreqSource> = struct('ip_mreq_source', {
  multiaddr: inAddr('imr_multiaddr'),
  interface: inAddr('imr_interface'),
  sourceaddr: inAddr('imr_sourceaddr'),
});

export const ipv6_mreq: Struct<options.Ipv6Mreq> = struct('ipv6_mreq', {
  multiaddr: in6Addr('ipv6mr_multiaddr', 'ifindex'),
  ifindex: u32('ipv6mr_ifindex'),
});

export const group_req: Struct<options.GroupReq> = struct('group_req', {
  interface: u32('gr_interface'),
  group: sockaddr('gr_group'),
});

export const group_source_req: Struct<options.GroupSourceReq> = struct('group_source_req', {
  interface: u32('gsr_interface'),
  group: sockaddr('gsr_group'),
  source: sockaddr('gsr_source'),
});

export const in_pktinfo: Struct<Omit<PacketInfoInput, 'level' | 'type'>> = struct('in_pktinfo', {
  ifindex: i32('ipi_ifindex'),
  specDst: inAddr('ipi_spec_dst'),
  addr: optional(inAddr('ipi_addr')),
});

export const in6_pktinfo: Struct<options.In6Pktinfo> = struct('in6_pktinfo', {
  addr: in6Addr('ipi6_addr', 'ifindex'),
  ifindex: u32('ipi6_ifindex'),
});

export const sock_extended_err: Struct<ExtendedError['error']> = struct(
  'sock_extended_err',
  {
    errno: u32('ee_errno'),
    origin: u8('ee_origin'),
    type: u8('ee_type'),
    code: u8('ee_code'),
    info: u32('ee_info'),
    data: u32('ee_data'),
  },
  (value) => ({ ...value }),
);

export const tpacket_auxdata: Struct<Omit<AuxiliaryData, 'level' | 'type'>> = struct('tpacket_auxdata', {
  status: u32('tp_status'),
  len: u32('tp_len'),
  snaplen: u32('tp_snaplen'),
  mac: u16('tp_mac'),
  net: u16('tp_net'),
  vlanTci: u16('tp_vlan_tci'),
  vlanTpid: u16('tp_vlan_tpid'),
});

/** A hardware address of more than 8 bytes makes the struct longer. */
export const packet_mreq: Struct<options.PacketMreq> = struct('packet_mreq', {
  ifindex: i32('mr_ifindex'),
  type: u16('mr_type'),
  address: hardware('mr_address', u16('mr_alen')),
});

export const tpacket_stats_v3: Struct<Required<options.PacketStatistics>> = struct('tpacket_stats_v3', {
  packets: u32('tp_packets'),
  drops: u32('tp_drops'),
  freezes: u32('tp_freeze_q_cnt'),
});

export const tpacket_rollover_stats: Struct<options.RolloverStatistics> = struct('tpacket_rollover_stats', {
  all: u64('tp_all'),
  huge: u64('tp_huge'),
  failed: u64('tp_failed'),
});
