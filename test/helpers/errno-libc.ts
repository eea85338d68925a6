/**
 * The C library's socket calls in Python by ctypes. Unlike Python's socket module, nothing checks, completes or repeats
 * the calls. Each function has its name in C and returns n or -errno.
 */
import { python } from './python.ts';

/** Python source that precedes a script: the calls, and the sockets that tests begin with. */
export const libc: string = `
import ctypes, shutil, tempfile
from ctypes import byref, sizeof, c_int, c_uint, c_void_p, c_size_t, c_ssize_t, c_long, c_ulong, POINTER, Structure

library = ctypes.CDLL(None, use_errno=True)

class iovec(Structure):
    _fields_ = [('base', c_void_p), ('length', c_size_t)]

class msghdr(Structure):
    _fields_ = [('name', c_void_p), ('namelen', c_uint), ('iov', POINTER(iovec)), ('iovlen', c_size_t),
                ('control', c_void_p), ('controllen', c_size_t), ('flags', c_int)]

class mmsghdr(Structure):
    _fields_ = [('header', msghdr), ('length', c_uint)]

class timespec(Structure):
    _fields_ = [('seconds', c_long), ('nanoseconds', c_long)]

def call(name, *types, result=c_int):
    function = library[name]
    function.argtypes = types
    function.restype = result
    def run(*args):
        n = function(*args)
        return n if n >= 0 else -ctypes.get_errno()
    return run

socket = call('socket', c_int, c_int, c_int)
listen = call('listen', c_int, c_int)
shutdown = call('shutdown', c_int, c_int)
close = call('close', c_int)
dup = call('dup', c_int)
sockatmark = call('sockatmark', c_int)
fcntl = call('fcntl', c_int, c_int, c_int)
_socketpair = call('socketpair', c_int, c_int, c_int, c_void_p)
_bind = call('bind', c_int, c_void_p, c_uint)
_connect = call('connect', c_int, c_void_p, c_uint)
_accept = call('accept', c_int, c_void_p, c_void_p)
_accept4 = call('accept4', c_int, c_void_p, c_void_p, c_int)
_getsockname = call('getsockname', c_int, c_void_p, c_void_p)
_getpeername = call('getpeername', c_int, c_void_p, c_void_p)
_read = call('read', c_int, c_void_p, c_size_t, result=c_ssize_t)
_write = call('write', c_int, c_void_p, c_size_t, result=c_ssize_t)
_readv = call('readv', c_int, c_void_p, c_int, result=c_ssize_t)
_writev = call('writev', c_int, c_void_p, c_int, result=c_ssize_t)
_send = call('send', c_int, c_void_p, c_size_t, c_int, result=c_ssize_t)
_sendto = call('sendto', c_int, c_void_p, c_size_t, c_int, c_void_p, c_uint, result=c_ssize_t)
_recv = call('recv', c_int, c_void_p, c_size_t, c_int, result=c_ssize_t)
_recvfrom = call('recvfrom', c_int, c_void_p, c_size_t, c_int, c_void_p, c_void_p, result=c_ssize_t)
_sendmsg = call('sendmsg', c_int, c_void_p, c_int, result=c_ssize_t)
_recvmsg = call('recvmsg', c_int, c_void_p, c_int, result=c_ssize_t)
_sendmmsg = call('sendmmsg', c_int, c_void_p, c_uint, c_int)
_recvmmsg = call('recvmmsg', c_int, c_void_p, c_uint, c_int, c_void_p)
_getsockopt = call('getsockopt', c_int, c_int, c_int, c_void_p, c_void_p)
_setsockopt = call('setsockopt', c_int, c_int, c_int, c_void_p, c_uint)
_ioctl = call('ioctl', c_int, c_ulong, c_void_p)

def socketpair(domain, type, protocol=0):
    sv = (c_int * 2)()
    n = _socketpair(domain, type, protocol, sv)
    return n if n < 0 else list(sv)

def bind(fd, name): return _bind(fd, name, len(name))
def connect(fd, name): return _connect(fd, name, len(name))

def named(function, fd, *flags):
    name = ctypes.create_string_buffer(128)
    length = c_uint(128)
    n = function(fd, name, byref(length), *flags)
    return n, name.raw[:length.value] if n >= 0 else b''

def getsockname(fd): return named(_getsockname, fd)[0]
def getpeername(fd): return named(_getpeername, fd)[0]
def accept(fd): return named(_accept, fd)[0]
def accept4(fd, flags): return named(_accept4, fd, flags)[0]
def name(fd): return named(_getsockname, fd)[1]

def vector(sizes_or_data):
    # bytes to send, or sizes of buffers to be filled
    parts = [ctypes.create_string_buffer(p, len(p)) if isinstance(p, bytes) else ctypes.create_string_buffer(p)
             for p in sizes_or_data]
    return (iovec * len(parts))(*[iovec(ctypes.cast(p, c_void_p), sizeof(p)) for p in parts]), parts

def read(fd, size): return _read(fd, ctypes.create_string_buffer(max(size, 1)), size)
def write(fd, data): return _write(fd, data, len(data))
def readv(fd, sizes):
    iov, keep = vector(sizes)
    return _readv(fd, iov, len(sizes))
def writev(fd, parts):
    iov, keep = vector(parts)
    return _writev(fd, iov, len(parts))
def send(fd, data, flags=0): return _send(fd, data, len(data), flags)
def sendto(fd, data, flags, to): return _sendto(fd, data, len(data), flags, to, len(to))
def recv(fd, size, flags=0): return _recv(fd, ctypes.create_string_buffer(max(size, 1)), size, flags)
def recvfrom(fd, size, flags=0):
    name = ctypes.create_string_buffer(128)
    return _recvfrom(fd, ctypes.create_string_buffer(max(size, 1)), size, flags, name, byref(c_uint(128)))

def header(parts, to=None, control=None):
    iov, keep = vector(parts)
    h = msghdr()
    h.iov, h.iovlen = iov, len(parts)
    if to is not None:
        to = ctypes.create_string_buffer(to, len(to)) if isinstance(to, bytes) else ctypes.create_string_buffer(to)
        h.name, h.namelen = ctypes.cast(to, c_void_p), sizeof(to)
    if control is not None:
        control = (ctypes.create_string_buffer(control, len(control)) if isinstance(control, bytes)
                   else ctypes.create_string_buffer(control))
        h.control, h.controllen = ctypes.cast(control, c_void_p), sizeof(control)
    return h, (iov, keep, to, control)

def sendmsg(fd, parts, to=None, control=None, flags=0):
    h, keep = header(parts, to, control)
    return _sendmsg(fd, byref(h), flags)
def recvmsg(fd, sizes, room=None, flags=0):
    h, keep = header(sizes, 128, room)
    return _recvmsg(fd, byref(h), flags)
def batch(list_of_parts, *args):
    made = [header(parts, *args) for parts in list_of_parts]
    return (mmsghdr * len(made))(*[mmsghdr(h) for h, keep in made]), made
def sendmmsg(fd, messages, flags=0, to=None, control=None):
    b, keep = batch([[m] for m in messages], to, control)
    return _sendmmsg(fd, b, len(messages), flags)
def recvmmsg(fd, sizes, flags=0, timeout=None):
    b, keep = batch([[size] for size in sizes], 128)
    return _recvmmsg(fd, b, len(sizes), flags, None if timeout is None else byref(timespec(*timeout)))

def getsockopt(fd, level, option, length=4):
    return _getsockopt(fd, level, option, ctypes.create_string_buffer(max(length, 1)), byref(c_uint(length)))
def setsockopt(fd, level, option, value):
    value = struct.pack('i', value) if isinstance(value, int) else value
    return _setsockopt(fd, level, option, value, len(value))
def ioctl(fd, request, argument=0):
    number = isinstance(argument, int)
    given = c_int(argument) if number else ctypes.create_string_buffer(argument, len(argument))
    return _ioctl(fd, request, byref(given))
def cmsg(level, type, data): return struct.pack('=Qii', 16 + len(data), level, type) + data

# What tests begin with. \`keep\` and \`had\` close when the scenario ends; \`ok\` stops it when a preparation fails.
kept = []
def ok(n):
    if isinstance(n, int) and n < 0: raise OSError(-n, os.strerror(-n))
    return n
def keep(*fds):
    kept.extend(ok(fd) for fd in fds)
    return fds[0]
def had(fd):
    return keep(fd) if fd >= 0 else fd
def inet(port=0, host='127.0.0.1'):
    return struct.pack('=H', AF_INET) + struct.pack('!H', port) + inet_aton(host) + bytes(8)
def inet6(port=0, host='::1'):
    return struct.pack('=H', AF_INET6) + struct.pack('!HI', port, 0) + inet_pton(AF_INET6, host) + bytes(4)
def unix(path): return struct.pack('=H', AF_UNIX) + os.fsencode(path)
def new(domain, type, protocol=0): return keep(socket(domain, type, protocol))
def tcp(flags=0): return new(AF_INET, SOCK_STREAM | flags)
def udp(flags=0): return new(AF_INET, SOCK_DGRAM | flags)
def bound(fd, to=None):
    ok(bind(fd, inet() if to is None else to))
    return name(fd)
def listener(backlog=128, flags=0):
    fd = tcp(flags)
    bound(fd)
    ok(listen(fd, backlog))
    return fd, name(fd)
def connection():
    fd, at = listener()
    client = tcp()
    ok(connect(client, at))
    return client, keep(accept(fd))
def pair(type=SOCK_STREAM):
    fds = socketpair(AF_UNIX, type)
    keep(*ok(fds))
    return fds
def pipe():
    fds = os.pipe()
    keep(*fds)
    return fds
def refusing(): return bound(tcp())
def deaf():
    fd = udp()
    at = bound(fd)
    ok(connect(fd, at))
    return at
def full():
    fd, at = listener(0)
    ok(connect(tcp(), at))
    return at
def path(file='socket'):
    folders.append(tempfile.mkdtemp())
    return folders[-1] + '/' + file
folders = []
def done():
    for fd in kept: close(fd)
    for folder in folders: shutil.rmtree(folder)
    kept.clear()
    folders.clear()
`;

/** Runs function bodies in sequence; returns for each the errno, 0 for success, or the text of an exception. */
export function errnos(bodies: ReadonlyMap<string, string>): Map<string, number | string> {
  let script = `${libc}\nscenarios = []\n`;
  for (const [name, body] of bodies) {
    const lines = body.trim().split('\n');
    script += `def scenario():\n${lines.map((line) => `    ${line}\n`).join('')}`;
    script += `scenarios.append((${JSON.stringify(name)}, scenario))\n`;
  }
  script += `
import signal
def stuck(*_): raise TimeoutError('it waits for ever')
signal.signal(signal.SIGALRM, stuck)
answers = []
for title, scenario in scenarios:
    signal.alarm(60)
    try:
        n = scenario()
        answers.append([title, 0 if not isinstance(n, int) or n >= 0 else -n])
    except Exception as e:
        answers.append([title, f'{type(e).__name__}: {e}'])
    done()
print(json.dumps(answers))
`;
  return new Map(python<[string, number | string][]>(script));
}
