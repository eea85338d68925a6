/** How the program of a schedule gets its sockets. */
import * as s from '../../dist/index.js';
import * as c from '../../dist/native/constants.js';
import { kernel } from './kernel.js';
import { Stream } from './sockets.js';
import { READ, Subject, WRITE } from './world.js';

export function pair(world) {
  const { random } = world;
  const type = random.chance(0.7) ? c.SOCK_STREAM : c.SOCK_DGRAM;
  const role = type === c.SOCK_STREAM ? 'stream' : 'datagram';
  let sockets;
  try {
    sockets = s.Socket.pair(type);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  for (const socket of sockets) new Subject(world, socket.fd, socket, role);
}

/** A socket whose peer does not belong to the library. */
export function stream(world) {
  const own = new Stream(kernel, c.AF_INET, c.SOCK_STREAM, 0);
  const peer = new Stream(kernel, c.AF_INET, c.SOCK_STREAM, 0);
  Stream.join(own, peer);
  own.devours = world.random.chance(0.1);
  const fd = kernel.install(own);
  if (fd < 0) return;
  new Subject(world, fd, s.Socket.fromFd(fd), 'stream');
  world.peers.push(peer);
}

/** A file descriptor that belongs to no Socket. */
export function plain(world) {
  const own = new Stream(kernel, c.AF_UNIX, c.SOCK_STREAM, 0);
  const peer = new Stream(kernel, c.AF_UNIX, c.SOCK_STREAM, 0);
  Stream.join(own, peer);
  const fd = kernel.install(own, false);
  if (fd < 0) return;
  new Subject(world, fd, undefined, 'plain');
  world.peers.push(peer);
}

export function bound(world) {
  const address = { family: c.AF_UNIX, path: `\0${world.subjects.length}` };
  let socket;
  try {
    socket = new s.Socket(c.AF_UNIX, c.SOCK_DGRAM);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  socket.bind(address);
  const subject = new Subject(world, socket.fd, socket, 'named');
  subject.address = s.encodeAddress(address);
}

export function listener(world) {
  const inet = world.random.chance(0.5);
  const family = inet ? c.AF_INET : c.AF_UNIX;
  const address = inet
    ? { family, address: '127.0.0.1', port: 1000 + world.subjects.length }
    : { family, path: `\0${world.subjects.length}` };
  let socket;
  try {
    socket = new s.Socket(family, c.SOCK_STREAM);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  socket.bind(address);
  socket.listen(world.random.between(1, 4));
  const subject = new Subject(world, socket.fd, socket, 'listener');
  subject.address = address;
}

export function connect(world) {
  const to = world.any('listener');
  if (to === undefined) return;
  let socket;
  try {
    socket = new s.Socket(to.address.family, c.SOCK_STREAM);
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
    return;
  }
  const subject = new Subject(world, socket.fd, socket, 'connecting');
  subject.target = to;
  const facts = {
    done: (op) => {
      if (op.state === 'resolved') subject.role = 'stream';
    },
  };
  const options = world.limits(facts);
  world.begin(subject, 'connect', WRITE, () => socket.connect(to.address, options), facts);
}

export function accepted(world, subject) {
  return (op) => {
    const socket = op.value?.socket ?? op.value?.value?.socket;
    if (socket === undefined) return;
    op.accepted = socket.fd;
    new Subject(world, socket.fd, socket, 'stream').accepted = subject;
  };
}

export function accept(world) {
  const subject = world.any('listener');
  if (subject === undefined) return;
  const facts = { done: accepted(world, subject) };
  const options = world.limits(facts);
  world.begin(subject, 'accept', READ, () => subject.socket.accept(options), facts);
}
