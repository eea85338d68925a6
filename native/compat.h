// UAPI names that the headers of the build image may lack: newer kernels', and a few that glibc keeps to itself.
// Values are those of the kernel's include/uapi; each line can go once every supported build image has it.
#pragma once

#ifndef NETDB_INTERNAL
#define NETDB_INTERNAL (-1)  // musl defines only the other values of h_errno
#endif

#ifndef AF_MCTP
#define AF_MCTP 45  // Linux 5.15
#define PF_MCTP AF_MCTP
#endif

#ifndef IPPROTO_L2TP
#define IPPROTO_L2TP 115
#endif
#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256  // Linux 6.11
#endif

#ifndef SOL_TCP
#define SOL_TCP 6
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef SOL_UDPLITE
#define SOL_UDPLITE 136
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#ifndef SOL_MCTP
#define SOL_MCTP 285
#endif
#ifndef SOL_SMC
#define SOL_SMC 286
#endif
#ifndef SOL_VSOCK
#define SOL_VSOCK 287
#endif

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76  // Linux 6.5
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77  // Linux 6.5
#endif
#ifndef SO_DEVMEM_LINEAR
#define SO_DEVMEM_LINEAR 78  // Linux 6.12
#define SO_DEVMEM_DMABUF 79
#define SO_DEVMEM_DONTNEED 80
#define SCM_DEVMEM_LINEAR SO_DEVMEM_LINEAR
#define SCM_DEVMEM_DMABUF SO_DEVMEM_DMABUF
#endif
#ifndef SCM_TS_OPT_ID
#define SCM_TS_OPT_ID 81  // Linux 6.13
#endif
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY 82  // Linux 6.14
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83  // Linux 6.16
#endif
#ifndef SO_INQ
#define SO_INQ 84  // Linux 6.17
#define SCM_INQ SO_INQ
#endif
#ifndef SCM_SECURITY
#define SCM_SECURITY 3
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4  // Linux 6.5
#endif
#ifndef SCM_TIMESTAMPNS
#define SCM_TIMESTAMPNS SO_TIMESTAMPNS
#endif
#ifndef MSG_SOCK_DEVMEM
#define MSG_SOCK_DEVMEM 0x2000000  // Linux 6.12
#endif

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51  // Linux 6.3
#endif
#ifndef IP_PROTOCOL
#define IP_PROTOCOL 52  // Linux 6.4
#endif

#ifndef TCP_AO_ADD_KEY
#define TCP_AO_ADD_KEY 38  // Linux 6.7
#define TCP_AO_DEL_KEY 39
#define TCP_AO_INFO 40
#define TCP_AO_GET_KEYS 41
#define TCP_AO_REPAIR 42
#endif
#ifndef TCP_IS_MPTCP
#define TCP_IS_MPTCP 43  // Linux 6.10
#endif
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44  // Linux 6.15
#endif
#ifndef TCP_RTO_MIN_US
#define TCP_RTO_MIN_US 45  // Linux 6.17
#define TCP_DELACK_MAX_US 46
#endif

#ifndef UDPLITE_SEND_CSCOV
#define UDPLITE_SEND_CSCOV 10
#define UDPLITE_RECV_CSCOV 11
#endif

#ifndef SO_ORIGINAL_DST
#define SO_ORIGINAL_DST 80  // linux/netfilter_ipv4.h; its level is SOL_IP
#endif

#ifndef ICMP_FILTER
#define ICMP_FILTER 1  // linux/icmp.h, which conflicts with netinet/ip_icmp.h
#endif

#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ 24  // Linux 6.4
#endif

#ifndef ALG_SET_PUBKEY
#define ALG_SET_PUBKEY 6  // never merged; Python's socket module names them
#define ALG_OP_SIGN 2
#define ALG_OP_VERIFY 3
#endif
#ifndef TIPC_CLUSTER_SCOPE
#define TIPC_CLUSTER_SCOPE 2
#define TIPC_NODE_SCOPE 3
#endif

// Python's spelling of the enum in linux/can/bcm.h.
#ifdef _CAN_BCM_H
#define CAN_BCM_TX_SETUP TX_SETUP
#define CAN_BCM_TX_DELETE TX_DELETE
#define CAN_BCM_TX_READ TX_READ
#define CAN_BCM_TX_SEND TX_SEND
#define CAN_BCM_RX_SETUP RX_SETUP
#define CAN_BCM_RX_DELETE RX_DELETE
#define CAN_BCM_RX_READ RX_READ
#define CAN_BCM_TX_STATUS TX_STATUS
#define CAN_BCM_TX_EXPIRED TX_EXPIRED
#define CAN_BCM_RX_STATUS RX_STATUS
#define CAN_BCM_RX_TIMEOUT RX_TIMEOUT
#define CAN_BCM_RX_CHANGED RX_CHANGED
#define CAN_BCM_SETTIMER SETTIMER
#define CAN_BCM_STARTTIMER STARTTIMER
#define CAN_BCM_TX_COUNTEVT TX_COUNTEVT
#define CAN_BCM_TX_ANNOUNCE TX_ANNOUNCE
#define CAN_BCM_TX_CP_CAN_ID TX_CP_CAN_ID
#define CAN_BCM_RX_FILTER_ID RX_FILTER_ID
#define CAN_BCM_RX_CHECK_DLC RX_CHECK_DLC
#define CAN_BCM_RX_NO_AUTOTIMER RX_NO_AUTOTIMER
#define CAN_BCM_RX_ANNOUNCE_RESUME RX_ANNOUNCE_RESUME
#define CAN_BCM_TX_RESET_MULTI_IDX TX_RESET_MULTI_IDX
#define CAN_BCM_RX_RTR_FRAME RX_RTR_FRAME
#define CAN_BCM_CAN_FD_FRAME CAN_FD_FRAME
#endif

// The states of TCP_INFO. They are in netinet/tcp.h, which conflicts with linux/tcp.h, and in linux/bpf.h.
#ifdef __LINUX_BPF_H__
#define TCP_ESTABLISHED BPF_TCP_ESTABLISHED
#define TCP_SYN_SENT BPF_TCP_SYN_SENT
#define TCP_SYN_RECV BPF_TCP_SYN_RECV
#define TCP_FIN_WAIT1 BPF_TCP_FIN_WAIT1
#define TCP_FIN_WAIT2 BPF_TCP_FIN_WAIT2
#define TCP_TIME_WAIT BPF_TCP_TIME_WAIT
#define TCP_CLOSE BPF_TCP_CLOSE
#define TCP_CLOSE_WAIT BPF_TCP_CLOSE_WAIT
#define TCP_LAST_ACK BPF_TCP_LAST_ACK
#define TCP_LISTEN BPF_TCP_LISTEN
#define TCP_CLOSING BPF_TCP_CLOSING
#endif
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000  // linux/if.h; glibc's net/if.h lacks it
#define IFF_DORMANT 0x20000
#define IFF_ECHO 0x40000
#endif
#define SOF_TIMESTAMPING_OPT_ID_TCP (1 << 16)     // Linux 6.2
#define SOF_TIMESTAMPING_OPT_RX_FILTER (1 << 17)  // Linux 6.12
#define SOF_TIMESTAMPING_TX_COMPLETION (1 << 18)  // Linux 6.15
#define SCM_TSTAMP_COMPLETION 3

// The states of IFLA_OPERSTATE. They are an enum in linux/if.h, which conflicts with a later net/if.h.
#ifndef _LINUX_IF_H
#define IF_OPER_UNKNOWN 0
#define IF_OPER_NOTPRESENT 1
#define IF_OPER_DOWN 2
#define IF_OPER_LOWERLAYERDOWN 3
#define IF_OPER_TESTING 4
#define IF_OPER_DORMANT 5
#define IF_OPER_UP 6
#endif

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000  // Linux 6.2
#endif
#ifndef TP_STATUS_GSO_TCP
#define TP_STATUS_GSO_TCP (1 << 8)  // Linux 6.3
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5  // Linux 6.2
#endif
#ifndef IP6T_SO_ORIGINAL_DST
#define IP6T_SO_ORIGINAL_DST 80  // linux/netfilter_ipv6/ip6_tables.h; its level is SOL_IPV6
#endif
#ifndef IPPROTO_AGGFRAG
#define IPPROTO_AGGFRAG 144  // Linux 6.14
#endif
#ifndef UDP_ENCAP_OVPNINUDP
#define UDP_ENCAP_OVPNINUDP 8  // Linux 6.16
#endif
#ifndef TCPI_OPT_USEC_TS
#define TCPI_OPT_USEC_TS 64  // Linux 6.7
#endif
#ifndef TCPI_OPT_TFO_CHILD
#define TCPI_OPT_TFO_CHILD 128  // Linux 6.13
#endif
#ifndef ALG_SET_KEY_BY_KEY_SERIAL
#define ALG_SET_KEY_BY_KEY_SERIAL 7  // Linux 6.2
#endif
#ifndef MPTCP_FULL_INFO
#define MPTCP_FULL_INFO 4  // Linux 6.5
#endif

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)  // Linux 6.6
#define XDP_PKT_CONTD (1 << 0)
#endif
#ifndef XDP_TX_METADATA
#define XDP_TX_METADATA (1 << 1)  // Linux 6.8
#define XDP_TXMD_FLAGS_TIMESTAMP (1 << 0)
#define XDP_TXMD_FLAGS_CHECKSUM (1 << 1)
#define XDP_UMEM_TX_SW_CSUM (1 << 1)
#endif
#ifndef XDP_UMEM_TX_METADATA_LEN
#define XDP_UMEM_TX_METADATA_LEN (1 << 2)  // Linux 6.11
#endif
#ifndef XDP_TXMD_FLAGS_LAUNCH_TIME
#define XDP_TXMD_FLAGS_LAUNCH_TIME (1 << 2)  // Linux 6.15
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9  // Linux 6.18
#endif

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20  // Linux 6.2
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080  // Linux 6.17
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

// Enumerators of kernels newer than the headers of the build image, which #ifndef cannot detect. Each one can be
// removed when that image has it.
#define CAN_RAW_XL_VCID_OPTS 8  // Linux 6.9
#define NL_ATTR_TYPE_SINT 16    // Linux 6.7
#define NL_ATTR_TYPE_UINT 17
#define RTNLGRP_IPV4_MCADDR 37  // Linux 6.14
#define RTNLGRP_IPV6_MCADDR 38
#define RTNLGRP_IPV6_ACADDR 39
#define RTM_NEWMULTICAST 56
#define RTM_DELMULTICAST 57
#define RTM_NEWANYCAST 60
#define RTM_DELANYCAST 61
#define SCTP_SS_FC 3  // Linux 6.4
#define SCTP_SS_WFQ 4

#ifndef SIOCGSTAMP_OLD
#define SIOCGSTAMP_OLD 0x8906  // Linux 5.1
#define SIOCGSTAMPNS_OLD 0x8907
#define SIOCGSTAMP_NEW 0x80108906
#define SIOCGSTAMPNS_NEW 0x80108907
#endif
#define ETH_SS_STATS_PHY 21  // Linux 6.14
#define ETH_SS_TS_FLAGS 22
#define HWTSTAMP_PROVIDER_QUALIFIER_PRECISE 0  // Linux 6.14
#define HWTSTAMP_PROVIDER_QUALIFIER_APPROX 1
#define NTF_EXT_LOCKED (1 << 1)  // Linux 6.2
#define NTF_EXT_EXT_VALIDATED (1 << 2)
#define RTA_FLOWLABEL 31             // Linux 6.14
#define RTAX_FEATURE_TCP_USEC_TS 16  // Linux 6.7
#define RTEXT_FILTER_NAME_ONLY 256
#define RTPROT_OVN 84
#define TCP_NLA_REHASH 27              // Linux 6.3
#define TLS_INFO_TX_MAX_PAYLOAD_LEN 7  // Linux 6.19
#define CAN_RAW_XL_VCID_TX_SET 1
#define CAN_RAW_XL_VCID_TX_PASS 2
#define CAN_RAW_XL_VCID_RX_FILTER 4
#ifndef CANXL_RRS
#define CANXL_RRS 2
#endif
#ifndef CANXL_VCID_OFFSET
#define CANXL_VCID_OFFSET 16  // Linux 6.9
#define CANXL_VCID_VAL_MASK 0xff
#define CANXL_VCID_MASK 0xff0000
#endif
#ifndef CAN_ISOTP_DYN_FC_PARMS
#define CAN_ISOTP_DYN_FC_PARMS 0x2000
#endif
#ifndef ETH_P_8021AC
#define ETH_P_8021AC 0x8870
#endif
#ifndef ETH_P_MXLGSW
#define ETH_P_MXLGSW 0x88C3
#endif
#ifndef ETH_P_YT921X
#define ETH_P_YT921X 0x9988
#endif
#ifndef ETH_P_NXP_NETC
#define ETH_P_NXP_NETC 0xFD3A
#endif
#ifndef ETH_P_GRE_OSI
#define ETH_P_GRE_OSI 0x00FE
#endif
#ifndef IDIAG_TIMER_OFF
#define IDIAG_TIMER_OFF 0
#define IDIAG_TIMER_ON 1
#define IDIAG_TIMER_KEEPALIVE 2
#define IDIAG_TIMER_TIMEWAIT 3
#define IDIAG_TIMER_PROBE0 4
#define IDIAG_TIMER_DELACK 5
#endif
#ifndef SIOCMCTPALLOCTAG2
#define SIOCMCTPALLOCTAG2 0x89e2  // Linux 6.9
#define SIOCMCTPDROPTAG2 0x89e3
#endif
#ifndef TCP_AO_KEYF_IFINDEX
#define TCP_AO_KEYF_IFINDEX 1  // Linux 6.7
#define TCP_AO_KEYF_EXCLUDE_OPT 2
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN 5  // Linux 6.19
#endif
#ifndef TCPI_ECN_MODE_DISABLED
#define TCPI_ECN_MODE_DISABLED 0
#define TCPI_ECN_MODE_RFC3168 1
#define TCPI_ECN_MODE_ACCECN 2
#define TCPI_ECN_MODE_PENDING 3
#define TCP_ACCECN_OPT_NOT_SEEN 0
#define TCP_ACCECN_OPT_EMPTY_SEEN 1
#define TCP_ACCECN_OPT_COUNTER_SEEN 2
#define TCP_ACCECN_OPT_FAIL_SEEN 3
#endif
// Linux 7.2 defines these with BIT(), which its headers lack.
#undef TCP_ACCECN_ACE_FAIL_SEND
#undef TCP_ACCECN_ACE_FAIL_RECV
#undef TCP_ACCECN_OPT_FAIL_SEND
#undef TCP_ACCECN_OPT_FAIL_RECV
#define TCP_ACCECN_ACE_FAIL_SEND 1
#define TCP_ACCECN_ACE_FAIL_RECV 2
#define TCP_ACCECN_OPT_FAIL_SEND 4
#define TCP_ACCECN_OPT_FAIL_RECV 8

// linux/if_arp.h, which conflicts with net/if_arp.h.
#ifndef ARPHRD_6LOWPAN
#define ARPHRD_IEEE802154_MONITOR 805
#define ARPHRD_PHONET 820
#define ARPHRD_PHONET_PIPE 821
#define ARPHRD_CAIF 822
#define ARPHRD_IP6GRE 823
#define ARPHRD_NETLINK 824
#define ARPHRD_6LOWPAN 825
#define ARPHRD_VSOCKMON 826
#endif

// linux/fcntl.h and asm-generic/fcntl.h, which conflict with fcntl.h.
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20  // Linux 6.3
#endif
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027  // Linux 6.10
#endif
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY 1028  // Linux 6.12
#endif

#define FRA_DSCP 25  // Linux 6.13
#define FRA_FLOWLABEL 26
#define FRA_FLOWLABEL_MASK 27
#define FRA_SPORT_MASK 28  // Linux 6.15
#define FRA_DPORT_MASK 29
#define FRA_DSCP_MASK 30
#define NHA_OP_FLAGS 14  // Linux 6.9
#define NHA_GROUP_STATS 15
#define NHA_HW_STATS_ENABLE 16
#define NHA_HW_STATS_USED 17
#define NHA_GROUP_STATS_UNSPEC 0
#define NHA_GROUP_STATS_ENTRY 1
#define NHA_GROUP_STATS_ENTRY_UNSPEC 0
#define NHA_GROUP_STATS_ENTRY_ID 1
#define NHA_GROUP_STATS_ENTRY_PACKETS 2
#define NHA_GROUP_STATS_ENTRY_PACKETS_HW 3
// Newer headers define these with BIT(), which they lack.
#undef NHA_OP_FLAG_DUMP_STATS
#undef NHA_OP_FLAG_DUMP_HW_STATS
#undef NHA_OP_FLAG_RESP_GRP_RESVD_0
#define NHA_OP_FLAG_DUMP_STATS 1
#define NHA_OP_FLAG_DUMP_HW_STATS 2
#define NHA_OP_FLAG_RESP_GRP_RESVD_0 0x80000000
#define IFLA_DEVLINK_PORT 62       // Linux 6.2
#define IFLA_GSO_IPV4_MAX_SIZE 63  // Linux 6.3
#define IFLA_GRO_IPV4_MAX_SIZE 64
#define IFLA_DPLL_PIN 65                    // Linux 6.7
#define IFLA_MAX_PACING_OFFLOAD_HORIZON 66  // Linux 6.13
#define IFLA_NETNS_IMMUTABLE 67             // Linux 6.15
#define IFLA_HEADROOM 68
#define IFLA_TAILROOM 69
