// UAPI names that the headers of the build image may lack: newer kernels', and a few that glibc keeps to itself.
// Values are those of the kernel's include/uapi; each line can go once every supported build image has it.
#pragma once

#ifndef NETDB_INTERNAL
#define NETDB_INTERNAL (-1)  // musl knows only the others of h_errno
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
#define ICMP_FILTER 1  // linux/icmp.h, which cannot stand beside netinet/ip_icmp.h
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

// The states of TCP_INFO: netinet/tcp.h, which cannot stand beside linux/tcp.h, has them; linux/bpf.h does too.
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
#define IFF_LOWER_UP 0x10000  // linux/if.h, which glibc's net/if.h cuts short
#define IFF_DORMANT 0x20000
#define IFF_ECHO 0x40000
#endif
#define SOF_TIMESTAMPING_OPT_ID_TCP (1 << 16)     // Linux 6.2
#define SOF_TIMESTAMPING_OPT_RX_FILTER (1 << 17)  // Linux 6.12
#define SOF_TIMESTAMPING_TX_COMPLETION (1 << 18)  // Linux 6.15
#define SCM_TSTAMP_COMPLETION 3

// The states of IFLA_OPERSTATE: linux/if.h has them as an enum, but cannot stand before net/if.h.
#ifndef _LINUX_IF_H
#define IF_OPER_UNKNOWN 0
#define IF_OPER_NOTPRESENT 1
#define IF_OPER_DOWN 2
#define IF_OPER_LOWERLAYERDOWN 3
#define IF_OPER_TESTING 4
#define IF_OPER_DORMANT 5
#define IF_OPER_UP 6
#endif
