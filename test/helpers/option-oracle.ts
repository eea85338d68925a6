/** getsockopt and setsockopt of the C library, called by Python on the sockets of a test, which it receives by SCM_RIGHTS. */
import { spawn } from 'node:child_process';
import * as s from '../../lib/index.ts';

const script = String.raw`
import array, ctypes, json, socket, struct
libc = ctypes.CDLL(None, use_errno=True)

def A(text): return socket.inet_aton(text)
def A6(text): return socket.inet_pton(socket.AF_INET6, text)
def SA(text): return (struct.pack('=HH4s', 2, 0, A(text))).ljust(128, b'\0')
def SA6(text): return (struct.pack('=HHI16sI', 10, 0, 0, A6(text), 0)).ljust(128, b'\0')
def bits(v, wanted): return [i for i in range(len(v) * 8) if struct.unpack_from('=I', v, i // 32 * 4)[0] >> i % 32 & 1 == wanted]

pack = {
    'flag': lambda v: struct.pack('=i', v),
    'int': lambda v: struct.pack('=i', v),
    'uint': lambda v: struct.pack('=I', v),
    'netUint': lambda v: struct.pack('>I', v),
    'u64': lambda v: struct.pack('=Q', int(v)),
    'text': lambda v: v.encode(),
    'bytes': lambda v: bytes.fromhex(v),
    'ipv6Mreq': lambda v: A6(v[0]) + struct.pack('=i', v[1]),
}
unpack = {
    'flag': lambda v: [int(struct.unpack('=i', v)[0] != 0)],
    'int': lambda v: struct.unpack('=i', v),
    'uint': lambda v: struct.unpack('=I', v),
    'netUint': lambda v: struct.unpack('>I', v),
    'u64': lambda v: [str(struct.unpack('=Q', v)[0])],
    'text': lambda v: [v.split(b'\0')[0].decode()],
    'bytes': lambda v: [v.hex()],
    'uints': lambda v: array.array('I', v).tolist(),
    'memberships': lambda v: [bit + 1 for bit in bits(v, 1)],
    'linger': lambda v: struct.unpack('=ii', v),
    'timeval': lambda v: struct.unpack('=qq', v),
    'ucred': lambda v: struct.unpack('=iII', v),
    'meminfo': lambda v: struct.unpack('=9I', v),
    'timestamping': lambda v: struct.unpack('=ii', v),
    'txtime': lambda v: struct.unpack('=iI', v),
    'portRange': lambda v: struct.unpack('=HH', v),
    'multicastIf': lambda v: [socket.inet_ntoa(v[:4])],
    'mtuInfo': lambda v: struct.unpack('=I', v[28:32]),
    'icmp6Filter': lambda v: bits(v, 0),
    'tcpInfo': lambda v: [v.hex()],
    'fanout': lambda v: (lambda id, kind: [id, kind & 0xff, kind & 0xff00])(*struct.unpack('=HH', v)),
    'packetStatistics': lambda v: struct.unpack('=II', v[:8]),
    'rolloverStatistics': lambda v: [str(n) for n in struct.unpack('=QQQ', v)],
}

def answer(q, fd):
    if 'raw' in q or 'value' in q:
        data = eval(q['raw']) if 'raw' in q else pack[q['type']](q['value'])
        failed = libc.setsockopt(fd, q['level'], q['name'], data, len(data))
        return {'errno': ctypes.get_errno()} if failed else {'fields': []}
    room = ctypes.create_string_buffer(2048)
    length = ctypes.c_uint32(q['length'])
    if libc.getsockopt(fd, q['level'], q['name'], room, ctypes.byref(length)):
        return {'errno': ctypes.get_errno()}
    return {'fields': list(unpack[q['type']](room.raw[:length.value]))}

peer = socket.socket(fileno=3)
while True:
    data, fds, _, _ = socket.recv_fds(peer, 65536, 1)
    if not data: break
    reply = answer(json.loads(data), fds[0])
    socket.close(fds[0])
    peer.send(json.dumps(reply).encode())
`;

/** What Python does: get; or set a value of a simple type, or the bytes of a Python expression. */
export interface Question {
  level: number;
  name: number;
  type: string;
  /** The size of the buffer for getsockopt: it selects the struct of some options. */
  length: number;
  value?: unknown;
  raw?: string | undefined;
}

/** The errno, or the fields of the value in order. */
export type Answer = { errno: number } | { fields: unknown[] };

/** Starts Python; `ask` has it make one call on one of our sockets. */
export function startOracle(): { ask(fd: number, question: Question): Answer; stop(): void } {
  const [mine, theirs] = s.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET);
  const child = spawn('python3', ['-c', script], { stdio: ['ignore', 'inherit', 'inherit', theirs] });
  s.close(theirs);
  const reply = Buffer.alloc(65536);
  return {
    ask(fd, question) {
      const rights: s.ControlMessage = { level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [fd] };
      s.sendmsg(mine, { buffers: [Buffer.from(JSON.stringify(question))], control: [rights] });
      const size = s.recv(mine, reply);
      if (size === 0) throw new Error('the Python process ended');
      return JSON.parse(reply.toString('utf8', 0, size)) as Answer;
    },
    stop() {
      s.close(mine);
      child.unref();
    },
  };
}
