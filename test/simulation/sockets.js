/** The sockets of the simulated kernel: what a file descriptor refers to, as in Linux. */
import * as c from '../../dist/native/constants.js';

/** What duplicates of a file descriptor share: an open file description. */
export class Description {
  refs = 0;
  /** Its items in the epoll set: one for each file descriptor by which it was added. */
  items = new Map();
  name = undefined;
  peer = undefined;
  error = 0;
  /** Entries of the error queue. */
  queued = 0;
  /** The turns in which a read or a write finds nothing, although it could. */
  blockedRead = 0;
  blockedWrite = 0;
  /** Whether the last call found nothing, although there was something. */
  lied = false;
  nonblocking = true;
  closed = false;
  /** The results of the calls, in order: what was received from the kernel, and what it accepted. */
  taken = [];
  given = [];

  constructor(kernel, family, type, protocol) {
    this.kernel = kernel;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
    this.id = kernel.made++;
    kernel.descriptions.push(this);
  }

  /** Something changed: edge-triggered events are reported again. */
  wake() {
    for (const item of this.items.values()) item.edge = true;
  }

  mask() {
    let mask = this.state();
    if (this.blockedRead > 0 && this.error === 0) mask &= ~(c.EPOLLIN | c.EPOLLRDHUP);
    if (this.blockedWrite > 0 && this.error === 0) mask &= ~c.EPOLLOUT;
    if (this.queued > 0) mask |= c.EPOLLERR;
    return mask;
  }

  takeError() {
    const { error } = this;
    this.error = 0;
    return -error;
  }

  /** Data in transit arrives. */
  arrive() {}

  shutdown() {
    return -c.ENOTCONN;
  }
}

export class Stream extends Description {
  chunks = [];
  length = 0;
  /** What was sent to it and has not arrived. */
  flight = [];
  flying = 0;
  /** The end of the stream: in transit, and received. */
  ending = false;
  ended = false;
  shut = false;
  connecting = undefined;
  /** Its peer accepts whatever is sent at once. */
  devours = false;
  mouthful = 4096;
  connected = false;

  constructor(kernel, family, type, protocol) {
    super(kernel, family, type, protocol);
    this.capacity = kernel.random.between(16, 600);
    this.least = kernel.random.chance(0.5) ? 1 : Math.max(1, Math.floor(this.capacity / 3));
  }

  static join(a, b) {
    a.peer = b;
    b.peer = a;
    a.connected = true;
    b.connected = true;
  }

  get room() {
    return this.peer.capacity - this.peer.length - this.peer.flying;
  }

  get gone() {
    return this.peer === undefined || this.peer.closed;
  }

  state() {
    let mask = 0;
    if (this.length > 0 || this.ended) mask |= c.EPOLLIN;
    if (this.ended) mask |= c.EPOLLRDHUP;
    if (this.error !== 0) mask |= c.EPOLLERR | c.EPOLLIN | c.EPOLLOUT;
    if (!this.connected) return this.connecting === undefined ? mask | c.EPOLLOUT | c.EPOLLHUP : mask;
    if (this.shut || this.gone || this.room >= Math.min(this.least, this.peer.capacity)) mask |= c.EPOLLOUT;
    if (this.ended && this.shut) mask |= c.EPOLLHUP;
    return mask;
  }

  write(data) {
    if (this.error !== 0) return this.takeError();
    if (!this.connected) return -c.ENOTCONN;
    if (this.shut || this.gone) return -c.EPIPE;
    if (this.devours) return Math.min(data.length, this.mouthful);
    const { peer, room } = this;
    if (room <= 0) return -c.EAGAIN;
    const n = this.kernel.shorten(Math.min(data.length, room));
    peer.flight.push(data.slice(0, n));
    peer.flying += n;
    if (this.kernel.random.chance(this.kernel.faults.atOnce)) peer.arrive();
    return n;
  }

  read(room) {
    if (this.length === 0) {
      if (this.error !== 0) return this.takeError();
      if (this.ended) return new Uint8Array(0);
      return this.connected ? -c.EAGAIN : -c.ENOTCONN;
    }
    const n = this.kernel.shorten(Math.min(room, this.length));
    const data = new Uint8Array(n);
    for (let at = 0; at < n; ) {
      const chunk = this.chunks[0];
      const part = chunk.subarray(0, n - at);
      data.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(part.length);
    }
    this.length -= n;
    this.peer?.wake();
    return data;
  }

  arrive() {
    if (this.connecting !== undefined) this.connecting();
    if (this.flight.length === 0 && (!this.ending || this.ended)) return;
    for (const chunk of this.flight) {
      this.chunks.push(chunk);
      this.length += chunk.length;
    }
    this.flight = [];
    this.flying = 0;
    if (this.ending) this.ended = true;
    this.wake();
  }

  end() {
    if (this.shut) return;
    this.shut = true;
    if (this.peer !== undefined) this.peer.ending = true;
    this.wake();
  }

  shutdown(how) {
    if (!this.connected) return -c.ENOTCONN;
    if (how !== c.SHUT_RD) this.end();
    if (how !== c.SHUT_WR) {
      this.ending = true;
      this.arrive();
    }
    return 0;
  }

  close() {
    this.closed = true;
    const { peer } = this;
    if (peer === undefined || peer.closed) return;
    this.shut = true;
    peer.ending = true;
    if (this.length + this.flying > 0) peer.error = c.ECONNRESET;
    if (peer.error !== 0) peer.arrive();
    peer.wake();
  }
}

export class Datagrams extends Description {
  queue = [];
  flight = [];

  constructor(kernel, family, type, protocol) {
    super(kernel, family, type, protocol);
    this.capacity = kernel.random.between(1, 8);
  }

  get full() {
    return this.queue.length + this.flight.length >= this.capacity;
  }

  state() {
    let mask = 0;
    if (this.queue.length > 0) mask |= c.EPOLLIN;
    if (this.error !== 0) mask |= c.EPOLLERR;
    if (this.peer === undefined || this.peer.closed || !this.peer.full) mask |= c.EPOLLOUT;
    return mask;
  }

  /** AF_UNIX: a full receiver is EAGAIN, and epoll does not report one that was addressed explicitly. */
  write(data, to = this.peer) {
    if (this.error !== 0) return this.takeError();
    if (to === undefined) return this.peer === undefined ? -c.ENOTCONN : -c.ECONNREFUSED;
    if (to.closed) return -c.ECONNREFUSED;
    if (to.full) return -c.EAGAIN;
    to.flight.push({ data: data.slice(), from: this.name });
    if (this.kernel.random.chance(this.kernel.faults.atOnce)) to.arrive();
    return data.length;
  }

  /** A datagram, which the caller truncates. */
  read() {
    if (this.error !== 0) return this.takeError();
    if (this.queue.length === 0) return -c.EAGAIN;
    const message = this.queue.shift();
    for (const other of this.kernel.descriptions) if (other.peer === this) other.wake();
    return message;
  }

  arrive() {
    if (this.flight.length === 0) return;
    this.queue.push(...this.flight);
    this.flight = [];
    this.wake();
  }

  shutdown() {
    return 0;
  }

  close() {
    this.closed = true;
    for (const other of this.kernel.descriptions) {
      if (other.peer !== this || other.closed) continue;
      other.error = c.ECONNREFUSED;
      other.wake();
    }
  }
}

export class Listener extends Description {
  queue = [];
  flight = [];
  backlog = 0;

  get full() {
    return this.queue.length + this.flight.length >= this.backlog;
  }

  state() {
    return this.queue.length > 0 ? c.EPOLLIN : 0;
  }

  /** A connection begins; its own end waits to be accepted. */
  welcome(client) {
    const own = new Stream(this.kernel, this.family, this.type, this.protocol);
    Stream.join(client, own);
    this.flight.push(own);
    if (this.kernel.random.chance(this.kernel.faults.atOnce)) this.arrive();
  }

  arrive() {
    if (this.flight.length === 0) return;
    this.queue.push(...this.flight);
    this.flight = [];
    this.wake();
  }

  close() {
    this.closed = true;
    for (const one of [...this.queue, ...this.flight]) {
      one.peer.error = c.ECONNRESET;
      one.close();
      one.peer.arrive();
    }
  }
}
