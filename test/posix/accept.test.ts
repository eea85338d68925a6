import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder, listener, loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';

interface Waiting {
  listener: number;
  /** The socket that waits to be accepted. */
  client: number;
}

function waiting(address: s.Address = loopback, own?: s.Address): Waiting {
  const fd = cleanup(s.socket(address.family, s.SOCK_STREAM));
  s.bind(fd, address);
  s.listen(fd);
  const client = cleanup(s.socket(address.family, s.SOCK_STREAM));
  if (own !== undefined) s.bind(client, own);
  s.connect(client, s.getsockname(fd)!);
  return { listener: fd, client };
}

/** All forms: they return the new socket, and the address that was reported. */
const forms: [string, (fd: number, flags?: number) => { fd: number; address: s.Address | undefined }][] = [
  ['accept', (fd) => s.accept(fd)],
  ['accept4', (fd, flags = 0) => s.accept4(fd, flags)],
  [
    'accept, nothrow',
    (fd) => {
      const from = new s.SockaddrStorage();
      return { fd: n.accept(fd, from), address: from.decode() };
    },
  ],
  [
    'accept4, nothrow',
    (fd, flags = 0) => {
      const from = new s.SockaddrStorage();
      return { fd: n.accept4(fd, flags, from), address: from.decode() };
    },
  ],
];

for (const [form, accept] of forms) {
  test(`${form}: the new socket is the other end of the connection`, () => {
    const { listener: fd, client } = waiting();
    const { fd: server, address } = accept(fd);
    cleanup(server);
    expect(address).toEqual(s.getsockname(client));
    expect(s.getpeername(server)).toEqual(address);
    expect(s.getsockname(server)).toEqual(s.getpeername(client));
    s.send(client, 'hello');
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('utf8', 0, s.recv(server, buffer))).toBe('hello');
  });

  test(`${form}: an IPv6 peer`, (context) => {
    need(context, ipv6);
    const { listener: fd, client } = waiting(loopback6);
    const { fd: server, address } = accept(fd);
    cleanup(server);
    expect(address).toEqual(s.getsockname(client));
    expect(address).toMatchObject({ family: s.AF_INET6, address: '::1' });
  });

  test(`${form}: a local peer with a path, and one without a name`, () => {
    const at = folder();
    const own: s.UnixAddress = { family: s.AF_UNIX, path: `${at}/client` };
    const named = accept(waiting({ family: s.AF_UNIX, path: `${at}/a` }, own).listener);
    const unnamed = accept(waiting({ family: s.AF_UNIX, path: `${at}/b` }).listener);
    cleanup(named.fd, unnamed.fd);
    expect(named.address).toEqual(own);
    expect(unnamed.address).toEqual({ family: s.AF_UNIX, path: '' });
  });

  test(`${form}: the new socket does not inherit the flags of the listener`, () => {
    const { fd: listening, address } = listener(s.SOCK_NONBLOCK);
    s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), address);
    const fd = cleanup(accept(listening).fd);
    expect(s.fcntl(listening, s.F_GETFL) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
    expect(s.fcntl(fd, s.F_GETFL) & s.O_NONBLOCK).toBe(0);
  });
}

for (const [form, accept] of forms.filter(([name]) => name.startsWith('accept4'))) {
  test(`${form}: SOCK_NONBLOCK`, () => {
    const fd = cleanup(accept(waiting().listener, s.SOCK_NONBLOCK).fd);
    expect(s.fcntl(fd, s.F_GETFL) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
    expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
    expect(s.errnoName(-n.recv(fd, new Uint8Array(1)))).toBe('EAGAIN');
  });
}

test('nothrow: without storage, no address is requested', () => {
  const { listener: fd, client } = waiting();
  const server = cleanup(n.accept(fd));
  expect(s.getpeername(server)).toEqual(s.getsockname(client));
});

test('nothrow: the storage is empty after a failed call', () => {
  const from = new s.SockaddrStorage();
  cleanup(n.accept(waiting().listener, from));
  expect(from.length).toBe(16);
  expect(n.accept(listener(s.SOCK_NONBLOCK).fd, from)).toBeLessThan(0);
  expect(from.length).toBe(0);
  expect(from.decode()).toBeUndefined();
});

test('connections are accepted in the order in which they were made', () => {
  const { fd, address } = listener();
  const clients = [1, 2, 3].map(() => {
    const client = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.connect(client, address);
    return s.getsockname(client);
  });
  const servers = clients.map(() => s.accept(fd));
  for (const server of servers) cleanup(server.fd);
  expect(servers.map((server) => server.address)).toEqual(clients);
});
