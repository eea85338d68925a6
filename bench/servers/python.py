"""The servers of the benchmarks with the socket and selectors modules of Python: python.py <role> [path or size]."""
import selectors
import socket
import sys

role, argument = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
selector = selectors.DefaultSelector()


def bound(kind, path=None):
    s = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX, kind)
    s.setblocking(False)
    s.bind(("127.0.0.1", 0) if path is None else path)
    if kind == socket.SOCK_STREAM:
        s.listen(4096)
    print(s.getsockname()[1] if path is None else path, flush=True)
    return s


def loop(s, serve):
    selector.register(s, selectors.EVENT_READ, serve)
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj)


def datagrams(path, serve):
    def ready(s):
        try:
            while True:
                serve(s, *s.recvfrom(65536))
        except BlockingIOError:
            pass

    loop(bound(socket.SOCK_DGRAM, path), ready)


def streams(path, serve):
    def accept(listener):
        try:
            while True:
                peer, _ = listener.accept()
                peer.setblocking(False)
                if path is None:
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(peer, selectors.EVENT_READ, serve)
        except BlockingIOError:
            pass

    loop(bound(socket.SOCK_STREAM, path), accept)


def close(s):
    selector.unregister(s)
    s.close()


def datagram_echo(path):
    datagrams(path, lambda s, data, address: s.sendto(data, address))


def datagrams_in(_):
    received = 0

    def serve(s, data, address):
        nonlocal received
        if len(data) > 1:
            received += 1
        else:
            s.sendto(b"%d" % received, address)
            received = 0

    datagrams(None, serve)


def datagrams_out(size):
    block = b"x" * int(size)

    def serve(s, data, address):
        for _ in range(int(data)):
            s.sendto(block, address)

    datagrams(None, serve)


def stream_echo(path):
    def serve(s):
        try:
            data = s.recv(65536)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        s.sendall(data) if data else close(s)

    streams(path, serve)


def bulk_in(_):
    streams(None, lambda s: s.recv(65536) or close(s))


def bulk_out(_):
    block = b"x" * 65536

    def serve(s):
        s.setblocking(True)
        for _ in range(int(s.recv(64))):
            s.sendall(block)
        close(s)

    streams(None, serve)


def accept(_):
    def ready(listener):
        try:
            while True:
                listener.accept()[0].close()
        except BlockingIOError:
            pass

    loop(bound(socket.SOCK_STREAM), ready)


globals()[role.replace("-", "_")](argument)
