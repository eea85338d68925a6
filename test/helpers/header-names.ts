/** The names in the headers of the machine, and those that the library omits on purpose, with the reason. */
import { existsSync, readFileSync } from 'node:fs';

const folders = ['/usr/include', '/usr/include/x86_64-linux-gnu', '/usr/include/aarch64-linux-gnu'];

/** The headers of sockets, of the contents of control messages and netlink, and of network devices. */
export const headers: readonly string[] = [
  'asm-generic/fcntl.h',
  'asm-generic/socket.h',
  'asm-generic/sockios.h',
  'bits/fcntl-linux.h',
  'bits/in.h',
  'bits/socket.h',
  'bits/socket_type.h',
  'linux/can.h',
  'linux/can/bcm.h',
  'linux/can/error.h',
  'linux/can/isotp.h',
  'linux/can/j1939.h',
  'linux/can/raw.h',
  'linux/errqueue.h',
  'linux/ethtool.h',
  'linux/fcntl.h',
  'linux/fib_rules.h',
  'linux/filter.h',
  'linux/genetlink.h',
  'linux/if.h',
  'linux/if_addr.h',
  'linux/if_addrlabel.h',
  'linux/if_alg.h',
  'linux/if_arp.h',
  'linux/if_ether.h',
  'linux/if_packet.h',
  'linux/if_pppox.h',
  'linux/if_tun.h',
  'linux/if_vlan.h',
  'linux/if_xdp.h',
  'linux/in.h',
  'linux/in6.h',
  'linux/inet_diag.h',
  'linux/mctp.h',
  'linux/mroute.h',
  'linux/mroute6.h',
  'linux/neighbour.h',
  'linux/net_namespace.h',
  'linux/net_tstamp.h',
  'linux/netfilter.h',
  'linux/netfilter/nfnetlink.h',
  'linux/netfilter/nfnetlink_compat.h',
  'linux/netlink.h',
  'linux/nexthop.h',
  'linux/rtnetlink.h',
  'linux/sctp.h',
  'linux/sock_diag.h',
  'linux/socket.h',
  'linux/sockios.h',
  'linux/tcp.h',
  'linux/tipc.h',
  'linux/tls.h',
  'linux/udp.h',
  'linux/unix_diag.h',
  'linux/vm_sockets.h',
  'net/if.h',
  'net/if_arp.h',
  'netdb.h',
  'netinet/icmp6.h',
  'netinet/in.h',
  'netinet/ip_icmp.h',
  'sys/epoll.h',
  'sys/socket.h',
  'sys/uio.h',
  'sys/un.h',
];

/** Headers of socket families and of netlink that are omitted entirely. */
export const headersLeftOut: Readonly<Record<string, string>> = {
  'linux/bpf.h':
    'of programs that run in the kernel and of bpf(2), among them TCP_BPF_, options that only such a program sets',
  'linux/can/netlink.h': 'attributes of one kind of link',
  'linux/dccp.h': 'Linux 6.16 removed DCCP',
  'linux/devlink.h': 'a family of generic netlink',
  'linux/ethtool_netlink.h': 'a family of generic netlink; the commands of SIOCETHTOOL are here',
  'linux/icmpv6.h': 'other spellings of the names in netinet/icmp6.h',
  'linux/if_bridge.h': 'attributes of one kind of link',
  'linux/if_link.h': 'attributes of each kind of link; those of all links are here',
  'linux/in_route.h': "internal to the kernel's table of IPv4 routes: RTCF_",
  'linux/ipv6.h': 'indices of an array that rtnetlink gives; the options of IPv6 are in linux/in6.h',
  'linux/kcm.h': 'its requests give descriptors that nobody would own',
  'linux/l2tp.h': 'a family of generic netlink',
  'linux/llc.h': 'a family without users',
  'linux/lwtunnel.h': 'attributes of tunnels, which RTA_ENCAP and NHA_ENCAP hold',
  'linux/mii.h': 'registers of PHYs',
  'linux/mpls_iptunnel.h': 'attributes of one kind of tunnel',
  'linux/mptcp.h': 'attributes of its path manager; the options are here',
  'linux/netfilter/nf_tables.h': 'the messages of one subsystem of netfilter; the numbers of all subsystems are here',
  'linux/netlink_diag.h': 'diagnosis of one family; inet_diag.h and unix_diag.h are here',
  'linux/nfc.h': 'a family without users',
  'linux/nl80211.h': 'a family of generic netlink',
  'linux/packet_diag.h': 'diagnosis of one family',
  'linux/phonet.h': 'a family without users',
  'linux/pkt_sched.h': 'attributes of each kind of queueing discipline; those of all are here',
  'linux/ppp-ioctl.h': 'requests to a device, above its sockets',
  'linux/qrtr.h': 'the protocol of a device, above its sockets',
  'linux/rds.h': 'options and control messages that hold addresses of memory, which are refused',
  'linux/route.h': 'flags of SIOCADDRT, whose struct rtentry holds pointers (RTF_): RTM_NEWROUTE adds routes',
  'linux/rxrpc.h': 'error codes of AFS',
  'linux/smc.h': 'attributes of its generic netlink family',
  'linux/virtio_net.h': 'a device; the header of IFF_VNET_HDR and PACKET_VNET_HDR is here',
  'linux/wireguard.h': 'a family of generic netlink',
  'linux/x25.h': 'a family without users',
  'linux/xdp_diag.h': 'diagnosis of one family',
  'linux/xfrm.h': 'the messages of one netlink family, which configures IPsec',
  'netinet/tcp.h':
    'the options of linux/tcp.h, what Linux removed (TCP_COOKIE_), and sizes of a header that sys-socket/packet reads',
};

/** The names that are omitted, by a pattern of the whole name. Each pattern must match a name of a header. */
export const omissions: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /HWTSTAMP_PROVIDER_QUALIFIER_CNT|.*_MAX|.*_LAST|RTAX_FEATURE_MASK|(?:SOF_TIMESTAMPING|SOF_TXTIME_FLAGS|HWTSTAMP_FLAG)_MASK|RTM_NR_.*|TCP_QUEUES_NR|PX_MAX_PROTO/,
    'grows with the kernel: it is no part of the interface',
  ],
  [/NR_ICMP_.*|RTM_BASE|MRT6?_BASE/, 'counts or begins the names around it'],
  [
    /.*_(?:HDRLEN|ALIGNTO|HDR_SIZE|HLEN)|NL_MMAP_.*|ICMP_TSLEN|RTNH_COMPARE_MASK/,
    'sizes of structs that the library lays out',
  ],
  [
    /IFALIASZ|MAX_LINKS|NET_MAJOR|MAX_ADDR_LEN|IFHWADDRLEN|IF_NAMESIZE|.*NAMSIZ|TCP_AO_MAXKEYLEN/,
    'sizes of names, addresses and keys',
  ],
  [/IN_CLASS[A-E]_.*|IN_MULTICAST_NET|IN_LOOPBACKNET/, 'classes of IPv4 networks, which CIDR replaced in 1993'],
  [/IPPORT_[A-Z]+/, 'ports of services: getservbyname knows them'],
  [
    /IN6ADDR_\w+_INIT|INET6?_ADDRSTRLEN|SCOPE_DELIMITER/,
    'of the text and the bytes of addresses, which are strings here',
  ],
  [/NETDB_SUCCESS|NO_ADDRESS|GAI_(?:NO)?WAIT|NETDB_INTERNAL/, 'of functions that the library does not have'],
  [/BPF_M(?:AJOR|INOR)_VERSION/, 'versions of an interface that has not changed'],
  [/RTNL_FAMILY_.*|RTNETLINK_HAVE_PEERINFO|RTNLGRP_NOP\d/, 'internal to the kernel, or placeholders'],
  [
    /TCP_FLAG_.*|TCP_RESERVED_BITS|TCP_DATA_OFFSET|TCPF_CA_.*/,
    'masks of a header in memory order; sys-socket/packet reads TCP headers',
  ],
  [/IF_(?:GET_(?:IFACE|PROTO)|IFACE|PROTO)_?.*/, 'of SIOCWANDEV, whose argument holds pointers'],
  [
    /SIOC(?:DEV|PROTO)PRIVATE|SIOGIFINDEX/,
    'ranges of numbers that each driver uses in its own way, and another spelling',
  ],
  [
    /SIOCGETVIFCNT|SIOCGETSGCNT|SIOCGETRPF|SIOCGETMIFCNT_IN6|SIOCGETSGCNT_IN6|PPPOEIOC[SD]FWD/,
    'requests that ioctl refuses: the same number is another request on another kind of socket',
  ],
  [/NIFBITS|IF_SETSIZE|MFC_ASSERT_THRESH|MAX[VM]IFS/, 'of structs that are not spoken of elsewhere'],
  [
    /(?:RX|TX)_(?!CLS)[A-Z_]+|SETTIMER|STARTTIMER|CAN_FD_FRAME/,
    'the prefix CAN_BCM_, which Python gives them, tells them from other names',
  ],
  [
    /ETHTOOL_LINK_MODE_.*|ADVERTISED_.*|SUPPORTED_.*|__ETHTOOL_.*/,
    'bits of link modes, whose number grows with each kernel; ETH_SS_LINK_MODES has them as text',
  ],
  [
    /ETHTOOL_(?:LINK_EXT|PODL|MODULE|PSE|C33_PSE|MM|MAC_STATS)_.*|PHY_UPSTREAM_.*/,
    'of ethtool over netlink, which its own header names',
  ],
  [/(?:ETH_SS|WOL_MODE)_COUNT|SPARC_ETH_.*|ETH_RX_NFC_IP4/, 'counts, and other spellings'],
  [/IP6?MRA_.*/, 'attributes of the tables of multicast routes'],
  [
    /NDTP?A_.*|NFEA_.*|FDB_NOTIFY_.*/,
    'attributes of the tables of neighbours, and of the forwarding database of bridges',
  ],
  [/SK_DIA[GB]_BPF_.*/, 'of storage that BPF programs have'],
  [
    /(?:SPEED|DUPLEX|MASTER_SLAVE|RATE_MATCH|PORT|XCVR|AUTONEG|ETH_MODULE)_.*|ETH_TP_MDI.*|ETHTOOL_F_\w+__BIT/,
    'values of a link that the commands of ethtool read and write',
  ],
  [
    /(?:TCP|UDP|SCTP|AH|ESP|AH_ESP|IP|IPV[46]|ETHER|GTP[CU]\w*)_(?:V[46]_)?(?:USER_)?FLOW|FLOW_(?:EXT|MAC_EXT|RSS)|RXH_.*|RX_CLS_.*/,
    'of the flow rules of a device',
  ],
  [
    /(?:PFC_STORM|DOWNSHIFT|ETH_MDIO|ETH_RESET|ETH_RXFH|ETH_FW|ETHTOOL_(?:PHY_[A-FLS]|PHY_DSP|RX|TX|FLASH_|TUNABLE|ID|FEC|PFC|PHY_ID)).*|MAX_NUM_QUEUE/,
    'values of a device that the commands of ethtool read and write',
  ],
  [/ETHTOOL_\w+_LEN/, 'sizes of texts'],
  [/SCM_SRCRT|IPV6_USE_MIN_MTU/, 'names that nothing defines or that stand in #if 0'],
  [/CANXL_M(?:IN|AX)_MTU/, 'sizes of a struct with data of any length'],
  [/XSK_UNALIGNED_.*/, 'of umem, which needs a pointer'],
  [/F_DUPFD/, 'it gives a descriptor that is not close-on-exec; F_DUPFD_CLOEXEC is here'],
  [
    /O_(?!NONBLOCK)[A-Z]+|AT_[A-Z_]+|F(?:APPEND|FSYNC|ASYNC|NONBLOCK|NDELAY)/,
    'flags of open(2) and its kin, and other spellings',
  ],
  [/LOCK_[A-Z]+|F_(?:EX|SH)LCK/, 'of flock(2) and of what Linux removed'],
  [/DN_[A-Z]+|F_[GS]ETDELEG/, 'of watched directories, which node:fs watches, and of file servers'],
  [/POSIX_FADV_.*|SYNC_FILE_RANGE_.*|MAX_HANDLE_SZ/, 'of functions on files that the library does not have'],
  [
    /F_CANCELLK|F_GETOWNER_UIDS|F_LINUX_SPECIFIC_BASE/,
    'internal to the kernel, for checkpoints, and the first of a range',
  ],
  [/F_OWNER_GID|RWF_WRITE_LIFE_NOT_SET|NF_NETLINK_.*/, 'other spellings'],
  [
    /NF_(?:INET|NETDEV)_NUMHOOKS|NFPROTO_NUMPROTO|NFNL_SUBSYS_COUNT|NF_MAX_VERDICT/,
    'counts, which grow with the kernel',
  ],
  [/NF_VERDICT_Q?BITS/, 'shifts; the masks are here'],
  [/TLS_1_\d_VERSION_M(?:AJOR|INOR)/, 'parts of the version, which TLS_1_2_VERSION and TLS_1_3_VERSION are whole'],
];

/** Returns the names of constants in the text of a header: macros with a value, and enumerators. */
export function namesIn(text: string): Set<string> {
  const code = text
    .replace(/\/\*.*?\*\//gs, ' ')
    .replace(/\\\n/g, ' ')
    .replace(/\/\/.*$/gm, '');
  const names = new Set<string>();
  for (const [, name, value] of code.matchAll(/^[ \t]*#[ \t]*define[ \t]+([A-Z]\w*)[ \t]+(\S.*)$/gm)) {
    // A string, a struct, code, or a name in lower case, which is an expression of a macro.
    if (!/^"|[{}]|^struct\b|^\(?(?!sizeof)[a-z]/.test(value!)) names.add(name!);
  }
  for (const [, body] of code.matchAll(/\benum\b[^{;()]*\{([^}]*)\}/g)) {
    for (const entry of body!.replace(/^[ \t]*#.*$/gm, '').split(',')) {
      const name = /^\s*([A-Z]\w*)/.exec(entry)?.[1];
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

/** The version of the headers of Linux on this machine, as in LINUX_VERSION_CODE; 0 if there are none. */
export function headersVersion(): number {
  const path = '/usr/include/linux/version.h';
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return Number(/LINUX_VERSION_CODE (\d+)/.exec(text)?.[1] ?? 0);
}

/** Returns the names of a header of this machine; undefined if it is not installed. */
export function namesOf(header: string): Set<string> | undefined {
  const path = folders.map((folder) => `${folder}/${header}`).find((path) => existsSync(path));
  return path === undefined ? undefined : namesIn(readFileSync(path, 'utf8'));
}
