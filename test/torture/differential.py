# The other side of differential.js: runs the same sequences of calls with Python's socket module. Each line is a
# sequence in JSON, and so is each answer.
import array, json, os, select, sys
from socket import *


class World:
    def __init__(self, prefix):
        self.prefix = prefix
        self.slots = [None] * 8

    def sock(self, i):
        return self.slots[i] if self.slots[i] is not None else CLOSED

    def put(self, i, sock):
        self.drop(i)
        sock.setblocking(False)
        self.slots[i] = sock

    def drop(self, i):
        if self.slots[i] is not None:
            self.slots[i].close()
            self.slots[i] = None

    # An address in the sequence: ['inet', host, port], ['unix', path], or ['of', slot], the name of that slot's socket.
    def address(self, spec, sock):
        if sock is CLOSED:
            raise TypeError
        kind = spec[0]
        family = AF_UNIX
        if kind == 'of':
            family = self.sock(spec[1]).family
            name = self.sock(spec[1]).getsockname()
        elif kind == 'inet':
            family = AF_INET6 if ':' in spec[1] else AF_INET
        if family != sock.family:
            raise TypeError
        if kind == 'of':
            return name[:2] if isinstance(name, tuple) else name
        if kind == 'inet':
            return (spec[1], spec[2])
        if kind == 'unix':
            return self.prefix + spec[1] if spec[1] else ''
        return b'\0' + self.prefix.encode() + spec[1].encode()


# Stands for a closed slot: every call on it fails with EBADF.
CLOSED = socket(AF_INET, SOCK_STREAM)
CLOSED.close()


def name(address):
    if address is None:
        return None
    if isinstance(address, tuple):
        return ['inet'] + list(address)
    raw = address if isinstance(address, bytes) else os.fsencode(address)
    return ['unix', raw.hex()]


# With MSG_TRUNC, the count may exceed the length of the buffer.
def told(buffer, count):
    data = bytes(buffer[:count])
    return [count, sum(data) % 65521, data[:8].hex()]


def data(spec):
    return bytes((spec[1] + i) % 256 for i in range(spec[0]))


def run(w, op):
    kind, a = op[0], op[1]
    s = w.sock(a)
    if kind == 'socket':
        w.put(a, socket(op[2], op[3], op[4]))
        return []
    if kind == 'socketpair':
        one, two = socketpair(op[3], op[4])
        w.put(a, one)
        w.put(op[2], two)
        return []
    if kind == 'bind':
        s.bind(w.address(op[2], s))
        return []
    if kind == 'connect':
        s.connect(w.address(op[2], s))
        return []
    if kind == 'listen':
        s.listen(op[2])
        return []
    if kind == 'accept':
        fd, address = s._accept()
        new = socket(s.family, s.type, s.proto, fileno=fd)
        w.put(op[2], new)
        return [name(address)]
    if kind == 'shutdown':
        s.shutdown(op[2])
        return []
    if kind == 'close':
        fd = s.detach() if s is not CLOSED else -1
        w.slots[a] = None
        os.close(fd)
        return []
    if kind == 'dup':
        w.put(op[2], s.dup())
        return []
    if kind == 'getsockname':
        return [name(s.getsockname())]
    if kind == 'getpeername':
        return [name(s.getpeername())]
    if kind == 'send':
        return [s.send(data(op[2]), op[3])]
    if kind == 'write':
        return [os.write(s.fileno(), data(op[2]))]
    if kind == 'sendto':
        return [s.sendto(data(op[2]), op[3], w.address(op[4], s))]
    if kind == 'recv':
        buffer = bytearray(op[2])
        return told(buffer, s.recv_into(buffer, op[2], op[3]))
    if kind == 'read':
        got = os.read(s.fileno(), op[2])
        return told(got, len(got))
    if kind == 'recvfrom':
        buffer = bytearray(op[2])
        count, address = s.recvfrom_into(buffer, op[2], op[3])
        return told(buffer, count) + [name(address)]
    if kind == 'sendmsg':
        control = []
        if op[4]:
            fds = array.array('i', [w.sock(i).fileno() for i in op[4]])
            control = [(SOL_SOCKET, SCM_RIGHTS, fds)]
        return [s.sendmsg([data(part) for part in op[2]], control, op[3])]
    if kind == 'recvmsg':
        buffer = bytearray(op[2])
        count, control, flags, address = s.recvmsg_into([buffer], op[3], op[4] | MSG_CMSG_CLOEXEC)
        items = []
        for level, type, value in control:
            if level == SOL_SOCKET and type == SCM_RIGHTS:
                fds = array.array('i', value[: len(value) - len(value) % 4])
                for fd in fds:
                    os.close(fd)
                items.append([level, type, len(fds)])
            else:
                items.append([level, type])
        return told(buffer, count) + [items, flags & ~MSG_CMSG_CLOEXEC, name(address)]
    if kind == 'setsockopt':
        s.setsockopt(op[2], op[3], op[4])
        return []
    if kind == 'getsockopt':
        return [s.getsockopt(op[2], op[3])]
    if kind == 'poll':
        poll = select.poll()
        fds = [w.slots[i].fileno() for i in op[2] if w.slots[i] is not None]
        for fd in fds:
            poll.register(fd, op[3])
        ready = dict(poll.poll(0))
        return [[ready.get(fd, 0) for fd in fds]]
    raise ValueError(kind)


for line in sys.stdin:
    sequence = json.loads(line)
    world = World(sequence['prefix'])
    results = []
    for op in sequence['ops']:
        try:
            results.append(run(world, op))
        except (TypeError, gaierror):
            results.append({'skipped': 'the address belongs to another family'})
        except OSError as error:
            results.append({'errno': error.errno})
    for i in range(8):
        world.drop(i)
    print(json.dumps(results))
