/** Enough of D-Bus to pass file descriptors over a real bus: SASL EXTERNAL, and messages of strings, ints and fds. */
import { once } from 'node:events';
import * as s from '../../lib/index.ts';
import { Socket, type SocketStream } from '../../lib/index.ts';
import { soon } from './programs.ts';

export const METHOD_CALL = 1;
export const METHOD_RETURN = 2;
const ERROR = 3;

/** The header fields, by their codes. */
const FIELDS = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
  unixFds: 9,
};
type Field = keyof typeof FIELDS;
const NAMES = Object.entries(FIELDS) as [Field, number][];
const TYPES: { [K in Field]: string } = {
  path: 'o',
  interface: 's',
  member: 's',
  errorName: 's',
  replySerial: 'u',
  destination: 's',
  sender: 's',
  signature: 'g',
  unixFds: 'u',
};

type Value = string | number;
type Fields = { [K in Field]?: Value };

/** A message; a value of type 'h' is an index into `fds`. */
export interface Message extends Fields {
  type: number;
  serial: number;
  body: Value[];
  fds: number[];
}

class Writer {
  #bytes = Buffer.alloc(0);
  get length(): number {
    return this.#bytes.length;
  }
  get bytes(): Buffer {
    return this.#bytes;
  }
  align(to: number): void {
    this.put(Buffer.alloc((to - (this.length % to)) % to));
  }
  put(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }
  u8(value: number): void {
    this.put(Buffer.of(value));
  }
  u32(value: number): void {
    this.align(4);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.put(bytes);
  }
  value(type: string, value: Value): void {
    if (typeof value === 'number') {
      this.u32(value);
      return;
    }
    const text = Buffer.from(`${value}\0`);
    if (type === 'g') this.u8(text.length - 1);
    else this.u32(text.length - 1);
    this.put(text);
  }
}

function encode(message: Message, signature: string): Buffer {
  const body = new Writer();
  for (const [i, value] of message.body.entries()) body.value(signature[i]!, value);
  const fields: Fields = { ...message, ...(signature === '' ? {} : { signature }) };
  if (message.fds.length > 0) fields.unixFds = message.fds.length;
  const list = new Writer(); // begins at offset 16 of the message: aligned as it is here
  for (const [name, code] of NAMES) {
    const value = fields[name];
    if (value === undefined) continue;
    list.align(8);
    list.u8(code);
    list.value('g', TYPES[name]);
    list.value(TYPES[name], value);
  }
  const whole = new Writer();
  whole.put(Buffer.of('l'.charCodeAt(0), message.type, 0, 1));
  for (const number of [body.length, message.serial, list.length]) whole.u32(number);
  whole.put(list.bytes);
  whole.align(8);
  whole.put(body.bytes);
  return whole.bytes;
}

class Reader {
  at: number;
  readonly #bytes: Buffer;
  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }
  align(to: number): void {
    this.at += (to - (this.at % to)) % to;
  }
  u8(): number {
    return this.#bytes[this.at++]!;
  }
  u32(): number {
    this.align(4);
    this.at += 4;
    return this.#bytes.readUInt32LE(this.at - 4);
  }
  value(type: string): Value {
    if (type === 'u' || type === 'h') return this.u32();
    const length = type === 'g' ? this.u8() : this.u32();
    this.at += length + 1;
    return this.#bytes.toString('utf8', this.at - length - 1, this.at - 1);
  }
}

/** Returns the length of the first message, once its header has arrived. */
function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < 16) return undefined;
  if (bytes[0] !== 'l'.charCodeAt(0)) throw new Error('the message is not little-endian');
  const length = 16 + Math.ceil(bytes.readUInt32LE(12) / 8) * 8 + bytes.readUInt32LE(4);
  return bytes.length < length ? undefined : length;
}

function decode(bytes: Buffer): Omit<Message, 'fds'> {
  const message: Omit<Message, 'fds'> = { type: bytes[1]!, serial: bytes.readUInt32LE(8), body: [] };
  const reader = new Reader(bytes, 16);
  for (const end = 16 + bytes.readUInt32LE(12); reader.at < end; ) {
    reader.align(8);
    const code = reader.u8();
    const value = reader.value(reader.value('g') as string);
    const field = NAMES.find(([, number]) => number === code);
    if (field !== undefined) message[field[0]] = value;
  }
  reader.align(8);
  for (const type of (message.signature ?? '') as string) message.body.push(reader.value(type));
  return message;
}

/** The target of a call: a method of a connection on the bus. */
export interface Call {
  destination: string;
  path: string;
  interface: string;
  member: string;
  signature?: string;
  body?: Value[];
  fds?: number[];
}

/** A connection to a bus, over a SocketStream with file descriptors. */
export class Bus {
  /** The unique name that the bus assigned. */
  name = '';
  /** Called with each method call. The callee closes its file descriptors. */
  onCall: (call: Message) => void = () => {};
  readonly #stream: SocketStream;
  #serial = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #fds: number[] = [];
  readonly #pending = new Map<number, (reply: Message) => void>();

  private constructor(stream: SocketStream) {
    this.#stream = stream;
    stream.on('fds', (fds: number[]) => this.#fds.push(...fds));
    stream.on('data', (data: Buffer) => this.#take(data));
  }

  /** Connects: authenticates with credentials, negotiates file descriptors, and calls Hello. */
  static async connect(address: s.Address): Promise<Bus> {
    const socket = new Socket(address.family, s.SOCK_STREAM);
    await socket.connect(address);
    const [uid, gid] = [process.getuid!(), process.getgid!()];
    const credentials = { level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, pid: process.pid, uid, gid } as const;
    await socket.sendmsg({ buffers: [Buffer.of(0)], control: [credentials] });
    const ask = async (line: string, expected: RegExp) => {
      await socket.sendAll(`${line}\r\n`);
      const answer = String(await socket.recv(1024, 0, soon));
      if (!expected.test(answer)) throw new Error(`${line}: ${answer}`);
    };
    await ask(`AUTH EXTERNAL ${Buffer.from(String(uid)).toString('hex')}`, /^OK [0-9a-f]{32}\r\n$/);
    await ask('NEGOTIATE_UNIX_FD', /^AGREE_UNIX_FD\r\n$/);
    await socket.sendAll('BEGIN\r\n');
    const bus = new Bus(socket.makefile({ fds: 16 }));
    bus.name = String((await bus.ask('Hello')).body[0]);
    return bus;
  }

  /** Calls a method of the bus itself. */
  ask(member: string, signature = '', ...body: Value[]): Promise<Message> {
    const bus = 'org.freedesktop.DBus';
    return this.call({ destination: bus, path: '/org/freedesktop/DBus', interface: bus, member, signature, body });
  }

  /** Calls a method. Rejects with the name of a D-Bus error. */
  async call({ signature = '', body = [], fds = [], ...fields }: Call): Promise<Message> {
    const serial = ++this.#serial;
    const reply = new Promise<Message>((resolve) => this.#pending.set(serial, resolve));
    this.#send({ ...fields, type: METHOD_CALL, serial, body, fds }, signature);
    const message = await reply;
    if (message.type === ERROR) throw new Error(`${message.errorName}: ${message.body[0]}`);
    return message;
  }

  /** Answers a call. */
  reply(call: Message, signature: string, ...body: Value[]): void {
    const fields = { destination: call.sender!, replySerial: call.serial };
    this.#send({ ...fields, type: METHOD_RETURN, serial: ++this.#serial, body, fds: [] }, signature);
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    if (this.#stream.destroyed) return;
    this.#stream.destroy();
    await once(this.#stream, 'close');
  }

  #send(message: Message, signature: string): void {
    const bytes = encode(message, signature);
    if (message.fds.length > 0) this.#stream.writeWithFds(bytes, message.fds);
    else this.#stream.write(bytes);
  }

  #take(data: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    for (let length = lengthOf(this.#bytes); length !== undefined; length = lengthOf(this.#bytes)) {
      const decoded = decode(this.#bytes.subarray(0, length));
      this.#bytes = this.#bytes.subarray(length);
      const message: Message = { ...decoded, fds: this.#fds.splice(0, Number(decoded.unixFds ?? 0)) };
      if (message.type === METHOD_CALL) this.onCall(message);
      this.#pending.get(Number(message.replySerial))?.(message);
    }
  }
}
