/** The counters of a network interface: linux/if_link.h. */

/** The names of the counters in struct rtnl_link_stats, in their order in the struct. struct rtnl_link_stats64 begins with the same ones. */
export const LINK_STATISTICS = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
  'txAbortedErrors',
  'txCarrierErrors',
  'txFifoErrors',
  'txHeartbeatErrors',
  'txWindowErrors',
  'rxCompressed',
  'txCompressed',
] as const;

/** The name of a counter that both structs have. */
export type LinkStatistic = (typeof LINK_STATISTICS)[number];
