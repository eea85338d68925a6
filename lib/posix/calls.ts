/** The name of every call and its parameters, in the order of the native function: what its errors say. */
import { type Call, call } from './errno.ts';

export const SOCKET: Call = call('socket', 'domain', 'type', 'protocol');
export const SOCKETPAIR: Call = call('socketpair', 'domain', 'type', 'protocol');
export const BIND: Call = call('bind', 'fd', 'address');
export const LISTEN: Call = call('listen', 'fd', 'backlog');
export const ACCEPT: Call = call('accept', 'fd', 'address', 'flags');
export const ACCEPT4: Call = call('accept4', 'fd', 'address', 'flags');
export const CONNECT: Call = call('connect', 'fd', 'address');
export const SHUTDOWN: Call = call('shutdown', 'fd', 'how');
export const CLOSE: Call = call('close', 'fd');
export const GETSOCKNAME: Call = call('getsockname', 'fd', 'address');
export const GETPEERNAME: Call = call('getpeername', 'fd', 'address');
export const SOCKATMARK: Call = call('sockatmark', 'fd');
export const DUP: Call = call('dup', 'fd');

export const READ: Call = call('read', 'fd', 'buffer');
export const WRITE: Call = call('write', 'fd', 'data');
export const READV: Call = call('readv', 'fd', 'buffers');
export const WRITEV: Call = call('writev', 'fd', 'buffers');
export const SEND: Call = call('send', 'fd', 'data', 'flags');
export const SENDTO: Call = call('sendto', 'fd', 'data', 'flags', 'address');
export const SENDMSG: Call = call('sendmsg', 'fd', 'buffers', 'address', 'control', 'flags');
export const RECV: Call = call('recv', 'fd', 'buffer', 'flags');
export const RECVFROM: Call = call('recvfrom', 'fd', 'buffer', 'flags', 'address');
export const RECVMSG: Call = call('recvmsg', 'fd', 'buffers', 'address', 'control', 'flags');

export const GETSOCKOPT: Call = call('getsockopt', 'fd', 'level', 'name', 'length');
export const GETSOCKOPT_INTO: Call = call('getsockopt', 'fd', 'level', 'name', 'value');
export const SETSOCKOPT: Call = call('setsockopt', 'fd', 'level', 'name', 'value');
export const FCNTL: Call = call('fcntl', 'fd', 'command', 'argument');
export const IOCTL: Call = call('ioctl', 'fd', 'request', 'argument');
export const IOCTL_DATA: Call = call('ioctl', 'fd', 'request', 'argument', 'data');

export const SENDMMSG: Call = call(
  'sendmmsg',
  'fd',
  'batch',
  'batch',
  'batch',
  'batch',
  'batch',
  'batch',
  'first',
  'first',
  'flags',
);
export const RECVMMSG: Call = call(
  'recvmmsg',
  'fd',
  'batch',
  'batch',
  'batch',
  'batch',
  'batch',
  'batch',
  'flags',
  'timeout',
);

export const PTON: Call = call('inet_pton', 'family', 'text', 'to');
export const NTOP: Call = call('inet_ntop', 'family', 'address');
export const ATON: Call = call('inet_aton', 'text', 'to');

export const ATTACH_FILTER: Call = call('setsockopt', 'fd', 'level', 'option', 'program');
export const GET_FILTER: Call = call('getsockopt', 'fd');

export const POLL: Call = call('poll', 'fds', 'timeoutMs');
export const PPOLL: Call = call('ppoll', 'fds', 'timeout', 'timeout', 'sigmask');
export const SELECT: Call = call('select', 'readers', 'writers', 'excepts', 'timeoutMs', 'timeoutMs');
export const PSELECT: Call = call('pselect', 'readers', 'writers', 'excepts', 'timeout', 'timeout', 'sigmask');

export const SENDFILE: Call = call('sendfile', 'outFd', 'inFd', 'offset', 'count');
export const SPLICE: Call = call('splice', 'fdIn', 'offIn', 'fdOut', 'offOut', 'length', 'flags');

export const GETADDRINFO: Call = call('getaddrinfo', 'node', 'service', 'flags', 'family', 'socktype', 'protocol');
export const GETNAMEINFO: Call = call('getnameinfo', 'address', 'flags');
export const GETHOST: Call = call('gethostbyname', 'family', 'name', 'address');
export const GETSERVBYNAME: Call = call('getservbyname', 'name', 'port', 'protocol');
export const GETSERVBYPORT: Call = call('getservbyport', 'name', 'port', 'protocol');
export const GETPROTO: Call = call('getprotobyname', 'name', 'number');
export const GAI_STRERROR: Call = call('gai_strerror', 'code');
export const GETHOSTNAME: Call = call('gethostname');
export const SETHOSTNAME: Call = call('sethostname', 'name');

export const IF_NAMETOINDEX: Call = call('if_nametoindex', 'name');
export const IF_INDEXTONAME: Call = call('if_indextoname', 'ifindex');
export const IF_NAMEINDEX: Call = call('if_nameindex');
export const GETIFADDRS: Call = call('getifaddrs');

export const NETLINK: Call = call('netlink');
