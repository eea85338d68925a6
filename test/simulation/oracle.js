/** Checks that the operations of a socket reported what the calls of the kernel returned, in order. */
import * as c from '../../dist/native/constants.js';
import { kernel } from './kernel.js';

/** Operations that read, and what they return for a call. */
const READS = new Set(['recv', 'recvInto', 'recvfrom', 'recvmsg', 'recvmmsg', 'datagrams']);
const WRITES = new Set(['send', 'sendAll', 'sendto', 'sendmsg', 'sendmmsg']);
/** The errors that connections() skips, or waits out. */
const PASSED_OVER = new Set([c.ECONNABORTED, c.EMFILE, c.ENOMEM]);

const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

const told = (op) => `${op.kind} #${op.id} of fd ${op.subject.fd}`;

/** Returns the error of a call, unless it came from epoll_ctl, or from no call at all. */
function errorOfCall({ error }) {
  return error?.name === 'SocketError' && error.syscall !== 'epoll_ctl' ? error : undefined;
}

class Log {
  constructor(records, what) {
    this.records = records.filter(({ claimed }) => claimed !== true);
    this.what = what;
    this.at = 0;
  }

  /** The next call. */
  next(op) {
    const record = this.records[this.at++];
    if (record === undefined) kernel.violate(`${told(op)} has a result that no call gave`);
    return record;
  }

  error(op, error) {
    const record = this.next(op);
    if (record !== undefined && record.errno !== error.errno) {
      kernel.violate(`${told(op)} failed with ${error.code}; the call gave ${describe(record)}`);
    }
  }

  end(subject) {
    const record = this.records[this.at];
    // An error that was only peeked at is reported by the next read, if there is one.
    if (record !== undefined && record.peeked !== true) {
      kernel.violate(`fd ${subject.fd}: ${this.what} was told to nobody: ${describe(record)}`);
    }
  }
}

function describe(record) {
  if (record.errno !== undefined) return `errno ${record.errno}`;
  if (record.fd !== undefined) return `descriptor ${record.fd}`;
  return `${record.data.length} bytes [${[...record.data.slice(0, 8)]}]`;
}

/** The data that a read has returned, one piece for each message. */
function pieces({ kind, value, buffer, batch }) {
  switch (kind) {
    case 'recvInto':
      return [buffer.subarray(0, value)];
    case 'recvmsg':
      return [buffer.subarray(0, value.length)];
    case 'recvmmsg':
      return batch;
    case 'recvfrom':
      return [value.data];
    case 'datagrams':
      return [value.value.data];
    default:
      return [value];
  }
}

function checkReads(subject, operations, records) {
  const log = new Log(records, 'what a read took');
  for (const op of operations) {
    if (!READS.has(op.kind) || op.claimed) continue;
    const error = errorOfCall(op);
    if (error !== undefined) log.error(op, error);
    if (op.state !== 'resolved' || op.value?.done === true) continue;
    for (const data of pieces(op)) {
      const record = log.next(op);
      if (record !== undefined && (record.data === undefined || !same(record.data, data))) {
        kernel.violate(`${told(op)} gave ${describe({ data })}; the call gave ${describe(record)}`);
      }
    }
  }
  log.end(subject);
}

/** Connections, and errors, whoever of those that wait got them: an iterator that waits out a lack comes after the others. */
function checkAccepts(subject, operations, records) {
  const left = [...records];
  const remove = (op, what, test) => {
    const at = left.findIndex(test);
    if (at === -1) kernel.violate(`${told(op)} has a result that no call gave: ${what}`);
    else left.splice(at, 1);
  };
  for (const op of operations) {
    if (op.kind !== 'accept' && op.kind !== 'connections') continue;
    const error = errorOfCall(op);
    if (error !== undefined) remove(op, error.code, ({ errno }) => errno === error.errno);
    if (op.accepted !== undefined) remove(op, `descriptor ${op.accepted}`, ({ fd }) => fd === op.accepted);
  }
  // A connection that was accepted just when its iterator was ended is closed by the iterator.
  let ended = operations.filter(({ kind, value }) => kind === 'connections' && value?.done === true).length;
  const record = left.find(({ errno, fd }) => (fd === undefined ? !PASSED_OVER.has(errno) : --ended < 0));
  if (record !== undefined) kernel.violate(`fd ${subject.fd}: ${describe(record)} was told to nobody`);
}

/** The pieces that a write shall have sent: as far as it says, or undefined when it does not say. */
function sent(op) {
  const { kind, state, value, error, data } = op;
  if (kind === 'sendmmsg') {
    const n = state === 'resolved' ? value : error?.sent;
    return n === undefined ? undefined : op.messages.slice(0, n);
  }
  const whole = kind === 'sendAll' ? data.length : value;
  const n = state === 'resolved' ? whole : kind === 'sendAll' ? error?.sent : 0;
  return n === undefined ? undefined : n === 0 && state !== 'resolved' ? [] : [data.subarray(0, n)];
}

function checkWrites(subject, operations, records) {
  const log = new Log(records, 'what a write gave');
  for (const op of operations) {
    if (!WRITES.has(op.kind) || op.claimed) continue;
    const wanted = sent(op);
    if (wanted === undefined) follow(log, op);
    else for (const data of wanted) expect(log, op, data);
    const error = errorOfCall(op);
    if (error !== undefined) log.error(op, error);
  }
  log.end(subject);
}

/** The data as one or more calls accepted it. */
function expect(log, op, data) {
  let at = 0;
  do {
    const record = log.next(op);
    if (record === undefined) return;
    if (record.data === undefined || !same(record.data, data.subarray(at, at + record.data.length))) {
      kernel.violate(`${told(op)} sent ${describe({ data: data.subarray(at) })}; the call took ${describe(record)}`);
      return;
    }
    at += record.data.length;
  } while (at < data.length);
}

/** The calls that accepted data of this operation, which does not say how many there were. */
function follow(log, op) {
  for (const data of op.messages ?? [op.data]) {
    for (let at = 0; at < data.length; log.at++) {
      const record = log.records[log.at];
      if (record?.data === undefined || !same(record.data, data.subarray(at, at + record.data.length))) return;
      at += record.data.length;
    }
  }
}

/** Checks that what was read and written on a socket is what its operations reported. */
export function checkBytes(subject, operations) {
  const { description } = subject;
  if (subject.role === 'listener') checkAccepts(subject, operations, description.taken);
  else checkReads(subject, operations, description.taken);
  checkWrites(subject, operations, description.given);
}
