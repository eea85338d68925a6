/** What TypeScript infers: the families of sockets, the addresses that follow from them, and which constants stay literal. */
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as s from '../lib/index.ts';
import type { Layer, LayerName } from '../lib/packet/index.ts';
import { cleanup } from './helpers/fds.ts';
import { folder, loopback } from './helpers/fixtures.ts';
import { keep } from './helpers/sockets.ts';
import { typeErrors } from './helpers/type-check.ts';

type Host = s.InetAddress | s.Inet6Address;

describe('a Socket has addresses of its family', () => {
  test('that match the family that it is created with', async () => {
    const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
    keep(socket);
    expectTypeOf(socket).toEqualTypeOf<s.Socket<2, 2>>();
    socket.bind(loopback);
    const address = socket.getsockname();
    expectTypeOf(address).toEqualTypeOf<s.InetAddress>();
    await socket.sendto('a', 0, address);
    await socket.sendto('b', 0, address);
    for await (const datagram of socket.datagrams()) {
      expectTypeOf(datagram).toEqualTypeOf<s.Datagram<s.InetAddress>>();
      expect(datagram.address.port).toBe(address.port);
      break;
    }
    const message = await socket.recvmsg({ buffers: [new Uint8Array(1)] });
    expectTypeOf(message.address).toEqualTypeOf<s.InetAddress>();
    expect(message.address).toEqual(address);
    expectTypeOf(socket.recvfromSync<typeof s.MSG_PEEK>).returns.toEqualTypeOf<s.Datagram<s.InetAddress>>();
    expectTypeOf(socket.recvfromSync<typeof s.MSG_ERRQUEUE>).returns.toEqualTypeOf<
      s.Datagram<s.InetAddress | undefined>
    >();
    expectTypeOf(socket.dup).returns.toEqualTypeOf<typeof socket>();
    expectTypeOf<s.SenderOf<typeof s.AF_PACKET, typeof s.SOCK_RAW>>().toEqualTypeOf<s.PacketAddress>();
    expectTypeOf<s.SenderOf<typeof s.AF_INET, typeof s.SOCK_STREAM>>().toEqualTypeOf<s.InetAddress | undefined>();
    expectTypeOf<s.SenderOf<typeof s.AF_UNIX, typeof s.SOCK_DGRAM>>().toEqualTypeOf<s.UnixAddress | undefined>();
  });

  test('for servers, their connections, and clients', async () => {
    const server = s.createServer({ host: '127.0.0.1', port: 0 });
    expectTypeOf(server).toEqualTypeOf<s.InetSocket>();
    const { port } = server.getsockname();
    const client = await s.createConnection({ host: '127.0.0.1', port });
    keep(server, client);
    expectTypeOf(client.getpeername()).toEqualTypeOf<Host>();
    for await (const { socket, address } of server.connections()) {
      expectTypeOf(address).toEqualTypeOf<Host>();
      expectTypeOf(socket.getsockname()).toEqualTypeOf<Host>();
      expect(address.port).toBe(client.getsockname().port);
      socket.close();
      break;
    }
    expectTypeOf(server.acceptSync).returns.toEqualTypeOf<s.AcceptedSocket<2 | 10, 1>>();
  });

  test('for AF_UNIX, whose names are text or a Buffer', async () => {
    const path = `${folder()}/socket`;
    const server = s.createServer({ path, type: s.SOCK_SEQPACKET });
    const client = await s.createConnection({ path, type: s.SOCK_SEQPACKET });
    const [one, other] = s.Socket.pair();
    keep(server, client, one, other);
    expectTypeOf(server).toEqualTypeOf<s.Socket<1, 5>>();
    expectTypeOf(client).toEqualTypeOf<s.Socket<1, 5>>();
    expectTypeOf(one).toEqualTypeOf<s.Socket<1, 1>>();
    expectTypeOf(client.getpeername().path).toEqualTypeOf<string | Buffer>();
    expect(client.getpeername().path).toBe(path);
    expect(one.getsockname().path).toBe('');
  });

  test('a Socket of a family that the program does not know before it runs has any address', () => {
    const known = new s.Socket(s.AF_INET6, s.SOCK_STREAM);
    keep(known);
    const socket: s.Socket = known; // a function that accepts any Socket accepts one of a family
    expectTypeOf(socket.getsockname()).toEqualTypeOf<s.Address>();
    expectTypeOf(s.Socket.fromFd).returns.toEqualTypeOf<s.Socket>();
    expectTypeOf<s.Socket<typeof s.AF_CAN, typeof s.SOCK_RAW>['getsockname']>().returns.toEqualTypeOf<s.Address>();
    // @ts-expect-error A Socket of any family is not one of a certain family.
    const wrong: s.Socket<typeof s.AF_INET> = socket;
    expect(wrong.family).toBe(s.AF_INET6);
  });
});

describe('a descriptor has addresses of its family, and is a number', () => {
  test('that match the family that it is created with', () => {
    const listener = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    expectTypeOf(listener).toExtend<number>();
    s.bind(listener, loopback);
    s.listen(listener);
    expectTypeOf(s.getsockname(listener)).toEqualTypeOf<s.InetAddress>();
    const client = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.connect(client, s.getsockname(listener));
    const { fd, address } = s.accept(listener);
    cleanup(fd);
    expectTypeOf(address).toEqualTypeOf<s.InetAddress>();
    expect(s.getpeername(fd).port).toBe(address.port);
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    cleanup(a, b);
    expectTypeOf(s.getsockname(a)).toEqualTypeOf<s.UnixAddress>();
    const receive = () => s.recvfrom(client, new Uint8Array(1));
    expectTypeOf(receive).returns.toEqualTypeOf<s.ReceivedFrom<s.InetAddress | undefined>>();
    expectTypeOf(s.dup<2, 1>).returns.toEqualTypeOf<s.SocketFd<2, 1>>();
  });

  test('any number is a descriptor, of any family', () => {
    let fd: number = -1;
    fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    expectTypeOf(s.getsockname(fd)).toEqualTypeOf<s.Address>();
    const receive = () => s.recvfrom(fd, new Uint8Array(1)).address;
    expectTypeOf(receive).returns.toEqualTypeOf<s.Address | undefined>();
    let known = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    expect(known === -1).toBe(false);
    known = -1;
    expect([known, fd].includes(-1)).toBe(true);
  });
});

test('a stream is a net.Socket to the declarations of libraries', () => {
  const code = `import type { Socket } from 'node:net';
    import type { SocketStream } from 'sys-socket';
    export const accept = (stream: SocketStream): Socket => stream;`;
  // Node declares that localAddress can be absent, but not that it can be undefined, which it is before the connection.
  expect(typeErrors([{ name: 'accept', code }], undefined, ['--exactOptionalPropertyTypes', 'false'])).toEqual([]);
});

test('a stream is a ReadWriteStream', () => {
  expectTypeOf<s.SocketStream>().toExtend<NodeJS.ReadWriteStream>();
  expectTypeOf<s.SocketStream['read']>().returns.toBeAny();
});

test('decoded values have all fields, of arguments some may be omitted', () => {
  const given: s.Inet6AddressInput = { family: s.AF_INET6, address: '::1', port: 1 };
  // @ts-expect-error The optional fields of a struct are present when it was decoded.
  const decoded: s.Inet6Address = given;
  expectTypeOf<s.Address>().toExtend<s.AddressInput>();
  expectTypeOf<s.Address>().toExtend<s.AddressLike>();
  expectTypeOf<s.PacketAddress['address']>().toEqualTypeOf<Buffer>();
  expectTypeOf<s.UnixAddressInput['path']>().toEqualTypeOf<string | Uint8Array>();
  expect(decoded.scopeId).toBeUndefined();
});

describe('constants', () => {
  test('that tell members of a union apart stay literal', () => {
    const address = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
    expectTypeOf(address).toExtend<s.AddressLike>();
    const message = { level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [0] };
    expectTypeOf(message).toExtend<s.ControlMessage>();
    const field = { level: s.IPPROTO_IP, type: s.IP_TTL, value: 64 };
    expectTypeOf(field).toExtend<s.ControlMessage>();
    let family = s.AF_INET;
    // @ts-expect-error A family stays that family.
    family = s.AF_INET6;
    expect(family).toBe(10);
  });

  test('that are joined, counted or replaced become numbers', () => {
    let flags = s.MSG_PEEK;
    flags = flags | s.MSG_DONTWAIT;
    expectTypeOf(flags).toEqualTypeOf<number>();
    let protocol = s.IPPROTO_TCP;
    protocol = s.IPPROTO_UDP;
    const typed = (type = s.SOCK_STREAM) => type;
    const options = { type: s.SOCK_DGRAM };
    options.type = s.SOCK_STREAM;
    expect([flags, protocol, typed(s.SOCK_RAW), options.type]).toEqual([0x42, 17, 3, 1]);
    expectTypeOf<typeof s.MSG_PEEK>().toEqualTypeOf<2>();
  });

  test('narrow a control message', () => {
    const narrowed = (message: s.ControlMessage): unknown => {
      if ('data' in message) return expectTypeOf(message).toEqualTypeOf<s.OtherControl>();
      if (message.level !== s.SOL_SOCKET) return undefined;
      switch (message.type) {
        case s.SCM_RIGHTS:
          expectTypeOf(message).toEqualTypeOf<s.Rights>();
          return message.fds;
        case s.SCM_CREDENTIALS:
          return message.pid;
        default:
          return undefined;
      }
    };
    expect(narrowed({ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [3] })).toEqual([3]);
  });
});

test('the name of a layer is the name of one of the layers', () => {
  expectTypeOf<LayerName>().toEqualTypeOf<Layer['layer']>();
});
