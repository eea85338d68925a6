/** Packets of many kinds for filters, generated from a seed, the same each time, with what the tests' expressions match. */
import * as p from '../../lib/packet/index.ts';

/** Numbers from 0 to 1 from a seed: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  };
}

const hex = (text: string) => Buffer.from(text.replaceAll(/[ .:]/g, ''), 'hex');
const MACS = [
  '020000000001',
  '020000000002',
  'ffffffffffff',
  '333300000001',
  '0180c2000000',
  '01005e000001',
  '001122334455',
];
const IPV4 = [
  '0a000001',
  '0a000002',
  '0a000107',
  '0a090001',
  'c0000201',
  'c0a80101',
  'c0a801ff',
  'e0000001',
  'e00000fb',
];
const ODD_IPV4 = ['0a0000ff', '0a000000', 'ac100105', '7f000001', 'ffffffff', '08080808', '00000000'];
const IPV6 = [
  'fd000000000000000000000000000001',
  'fd000000000000000000000000000002',
  'fd000000000000010000000000000001',
];
const ODD_IPV6 = [
  ...['20010db8000000000000000000000001', '00000000000000000000000000000001', 'ff020000000000000000000000000001'],
  'fe800000000000000000000000000001',
];
const PORTS = [20, 21, 22, 25, 53, 67, 68, 80, 123, 443, 1023, 1024, 5060, 6081, 8080, 41000, 65535];

/** A generator of packets of all kinds. */
export class PacketMaker {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
  #chance(part: number): boolean {
    return this.#random() < part;
  }
  #of<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!;
  }
  #bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.#below(256)));
  }
  #u16(...values: number[]): Buffer {
    return Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));
  }
  #port(): number {
    return this.#chance(0.9) ? this.#of(PORTS) : this.#below(65536);
  }

  #transport(protocol: number): Buffer {
    const rest = this.#bytes(this.#below(40));
    switch (protocol) {
      case 6: {
        const words = 5 + (this.#chance(0.2) ? this.#below(4) : 0);
        const flags = this.#of([2, 18, 16, 24, 17, 4, 20, 1, 41, 194, 0, 255]);
        const data = this.#chance(0.2)
          ? Buffer.from(this.#of(['GET / HTTP/1.1', 'POST /x', 'HTTP/1.1 200', 'SSH-2.0']))
          : rest;
        const head = Buffer.concat([
          this.#u16(this.#port(), this.#port()),
          this.#bytes(8),
          Buffer.from([words << 4, flags]),
        ]);
        return Buffer.concat([head, this.#bytes(6 + 4 * (words - 5)), data]);
      }
      case 17:
      case 132:
      case 136: {
        const to = this.#port();
        const inner = to === 6081 && this.#chance(0.8) ? this.#geneve() : rest;
        return Buffer.concat([this.#u16(this.#port(), to, 8 + inner.length, 0), inner]);
      }
      case 1:
        return Buffer.concat([Buffer.from([this.#of([0, 3, 5, 8, 9, 11, 13]), this.#below(5)]), this.#bytes(6), rest]);
      case 58:
        return Buffer.concat([
          Buffer.from([this.#of([1, 2, 128, 129, 134, 135, 136, 143]), this.#below(3)]),
          this.#bytes(6),
          rest,
        ]);
      case 4:
        return this.#ipv4(6);
      case 41:
        return this.#ipv6(17);
      default:
        return Buffer.concat([Buffer.from([this.#of([0x11, 0x16, 0x21, 0x22])]), this.#bytes(19), rest]);
    }
  }

  #protocol(): number {
    if (this.#chance(0.75)) return this.#of([6, 6, 17, 17, 1, 58, 132]);
    return this.#of([2, 4, 9, 41, 44, 46, 47, 50, 51, 58, 89, 103, 112, 136]);
  }

  #ipv4(protocol = this.#protocol()): Buffer {
    const options = this.#chance(0.15) ? this.#below(4) : 0;
    const head = Buffer.alloc(20 + 4 * options);
    const inner = this.#transport(protocol);
    head[0] = 0x45 + options;
    head[1] = this.#of([0, 0, 0x10, 0xb8, 0xfc, 3]);
    head.writeUInt16BE(this.#chance(0.95) ? head.length + inner.length : this.#below(65536), 2);
    head.writeUInt16BE(this.#below(65536), 4);
    head.writeUInt16BE(this.#of([0x4000, 0x4000, 0, 0, 0x2000, 0x2001, 185, 0x8000]), 6);
    head[8] = this.#of([1, 2, 4, 63, 64, 128, 255]);
    head[9] = protocol;
    this.#bytes(2).copy(head, 10);
    for (const at of [12, 16]) hex(this.#of(this.#chance(0.8) ? IPV4 : ODD_IPV4)).copy(head, at);
    if (this.#chance(0.03)) head.copy(head, 16, 12, 16);
    return Buffer.concat([head, inner]);
  }

  #ipv6(protocol = this.#protocol()): Buffer {
    const head = Buffer.alloc(40);
    const extension = this.#chance(0.25) ? this.#of([0, 43, 44, 44, 60]) : undefined;
    const inner = this.#transport(protocol);
    const between =
      extension === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from([protocol, 0]), this.#bytes(6)]);
    head.writeUInt32BE(0x60000000 + this.#of([0, 0, 0x0b800000, 0x12345]), 0);
    head.writeUInt16BE(between.length + inner.length, 4);
    head[6] = extension ?? protocol;
    head[7] = this.#of([1, 64, 255]);
    for (const at of [8, 24]) hex(this.#of(this.#chance(0.8) ? IPV6 : ODD_IPV6)).copy(head, at);
    return Buffer.concat([head, between, inner]);
  }

  #geneve(): Buffer {
    const options = this.#below(3);
    const head = Buffer.alloc(8 + 4 * options);
    head[0] = (this.#chance(0.9) ? 0 : 0x40) | options;
    head.writeUInt32BE(this.#of([5, 11, 0x123456]) * 256, 4);
    if (this.#chance(0.5)) {
      head.writeUInt16BE(0x6558, 2);
      return Buffer.concat([head, this.#ethernet(false)]);
    }
    const [type, bytes] = this.#network(false);
    head.writeUInt16BE(type, 2);
    return Buffer.concat([head, bytes]);
  }

  #arp(): Buffer {
    const [from, to] = [this.#of(IPV4), this.#of(IPV4)];
    return hex(`0001 0800 0604 000${this.#of([1, 2])} ${this.#of(MACS)} ${from} ${this.#of(MACS)} ${to}`);
  }

  #pppoe(): Buffer {
    const [type, bytes] = this.#of([
      () => [0x21, this.#ipv4()] as const,
      () => [0x57, this.#ipv6()] as const,
      () => [0xc021, this.#bytes(20)] as const,
      () => [0x281, this.#labels()] as const,
    ])();
    return Buffer.concat([this.#u16(0x1100, this.#of([1, 0x27, 0x1234]), bytes.length + 2, type), bytes]);
  }

  #labels(): Buffer {
    const count = 1 + this.#below(3);
    const labels = Array.from({ length: count }, (_, i) => {
      const label = Buffer.alloc(4);
      label.writeUInt32BE(this.#of([16, 100, 1024, 100000]) * 4096 + (i === count - 1 ? 256 : 0) + 64);
      return label;
    });
    return Buffer.concat([...labels, this.#chance(0.6) ? this.#ipv4() : this.#ipv6()]);
  }

  #decnet(): Buffer {
    const head = hex(this.#of(['02', '06', '8102', '8106', '0a']));
    const body = Buffer.alloc(30);
    const [from, to] = [this.#of(['7b28', '0104']), this.#of(['7b28', '0104'])];
    const isLong = (head.at(-1)! & 7) === 6;
    hex(to).copy(body, isLong ? 6 : 0);
    hex(from).copy(body, isLong ? 14 : 2);
    return Buffer.concat([this.#u16(40), head, body]);
  }

  /** An EtherType and the protocol data that it identifies. */
  #network(mayNest = true): readonly [number, Buffer] {
    const kinds: (() => readonly [number, Buffer])[] = [
      ...Array.from({ length: 6 }, () => () => [0x800, this.#ipv4()] as const),
      ...Array.from({ length: 4 }, () => () => [0x86dd, this.#ipv6()] as const),
      () => [this.#of([0x806, 0x806, 0x8035]), this.#arp()],
      () => [
        this.#of([0x88cc, 0x1234, 0x6001, 0x6002, 0x6004, 0x6007, 0x809b, 0x80f3, 0x8137, 0x8863, 0x9000, 0x600]),
        this.#bytes(46),
      ],
      () => [0x6003, this.#decnet()],
      ...(mayNest
        ? [() => [0x8864, this.#pppoe()] as const, () => [this.#of([0x8847, 0x8847, 0x8848]), this.#labels()] as const]
        : []),
    ];
    return this.#of(kinds)();
  }

  /** A frame of 802.2: the points, the control field and more. */
  #llc(): Buffer {
    const [type, bytes] = this.#network(false);
    return this.#of<() => Buffer>([
      () => Buffer.concat([hex('424203'), this.#bytes(35)]),
      () => Buffer.concat([hex('aaaa03 000000'), this.#u16(type), bytes]),
      () => Buffer.concat([hex('aaaa03 000000'), this.#u16(this.#of([0x8137, 0x80f3, 0x800])), this.#bytes(30)]),
      () => Buffer.concat([hex('aaaa03 080007 809b'), this.#bytes(30)]),
      () =>
        Buffer.concat([hex('fefe03'), Buffer.from([this.#of([0x81, 0x82, 0x83, 0x83])]), this.#bytes(3), this.#isis()]),
      () =>
        Buffer.concat([hex(this.#of(['fe4203', 'f0f003', 'f0f17f', 'e0e003', '060603', 'ffff00'])), this.#bytes(35)]),
      () => Buffer.concat([Buffer.from([this.#below(256), this.#below(256), this.#below(256)]), this.#bytes(35)]),
    ])();
  }

  #isis(): Buffer {
    return Buffer.concat([Buffer.from([this.#of([15, 16, 17, 18, 20, 24, 25, 26, 27])]), this.#bytes(30)]);
  }

  #ethernet(mayNest = true): Buffer {
    const head = [hex(this.#of(MACS)), hex(this.#of(MACS))];
    const tags = Array.from({ length: this.#chance(0.25) ? 1 + this.#below(3) : 0 }, () =>
      this.#u16(this.#of([0x8100, 0x8100, 0x88a8, 0x9100]), this.#of([5, 6, 100, 300]) + 0x2000 * this.#below(8)),
    );
    if (this.#chance(0.12)) {
      const frame = this.#llc();
      return Buffer.concat([...head, ...tags, this.#u16(this.#chance(0.9) ? frame.length : this.#below(1600)), frame]);
    }
    const [type, bytes] = this.#network(mayNest);
    return Buffer.concat([...head, ...tags, this.#u16(type), bytes]);
  }

  #wlan(): Buffer {
    const kind = this.#of([
      0x08, 0x08, 0x88, 0x88, 0x48, 0xc8, 0x80, 0x40, 0x50, 0x00, 0xb4, 0xc4, 0xd4, 0xa4, 0xb0, 0x0c,
    ]);
    const addresses = Array.from({ length: 3 }, () => hex(this.#of(MACS)));
    const head = Buffer.concat([Buffer.from([kind, this.#below(256)]), this.#bytes(2), ...addresses, this.#bytes(2)]);
    const quality = (kind & 0x8c) === 0x88 ? this.#bytes(2) : Buffer.alloc(0);
    return Buffer.concat([head, quality, (kind & 0x0c) === 8 ? this.#llc() : this.#bytes(40)]);
  }

  /** A radio header, and a frame of 802.11, with padding before the data where its flags say so. */
  #radio(): Buffer {
    const [hasTime, hasFlags] = [this.#chance(0.5), this.#chance(0.7)];
    const flags = this.#of([0, 0, 0x10, 0x20]);
    const fields = Buffer.concat([
      hasTime ? this.#bytes(8) : Buffer.alloc(0),
      hasFlags ? Buffer.from([flags]) : Buffer.alloc(0),
      this.#bytes(this.#of([2, 3, 4, 6])),
    ]);
    const length = 8 + fields.length;
    const present = (hasTime ? 1 : 0) | (hasFlags ? 2 : 0) | 4;
    const frame = this.#wlan();
    return Buffer.concat([Buffer.from([0, 0, length, 0, present, 0, 0, this.#chance(0.1) ? 0x80 : 0]), fields, frame]);
  }

  #ip(): Buffer {
    return this.#chance(0.6) ? this.#ipv4() : this.#ipv6();
  }

  /** A protocol that is not specific to Ethernet: the number that identifies it, also that of 802.2 if it has one. */
  #cooked(of802: number): readonly [number, Buffer] {
    return this.#chance(0.15) ? [of802, this.#llc()] : this.#network();
  }

  /** A packet of a link type. */
  of(linktype: number): Buffer {
    switch (linktype) {
      case p.LINKTYPE_ETHERNET:
        return this.#ethernet();
      case p.LINKTYPE_RAW:
        return this.#chance(0.97) ? this.#ip() : this.#bytes(60);
      case p.LINKTYPE_IPV4:
        return this.#ipv4();
      case p.LINKTYPE_IPV6:
        return this.#ipv6();
      case p.LINKTYPE_LINUX_SLL: {
        const [type, bytes] = this.#cooked(this.#of([4, 4, 1]));
        return Buffer.concat([this.#u16(this.#below(5), 1, 6), this.#bytes(8), this.#u16(type), bytes]);
      }
      case p.LINKTYPE_LINUX_SLL2: {
        const [type, bytes] = this.#cooked(this.#of([4, 4, 1, 0xfe, 0x42]));
        const head = Buffer.concat([this.#u16(type, 0, 0, this.#of([1, 2, 3]), 1), Buffer.from([this.#below(5), 6])]);
        return Buffer.concat([head, this.#bytes(8), bytes]);
      }
      case 0:
      case 108: {
        const family = Buffer.alloc(4);
        const isFour = this.#chance(0.6);
        family[linktype === 0 ? 0 : 3] = this.#chance(0.95) ? (isFour ? 2 : 10) : 7;
        return Buffer.concat([family, isFour ? this.#ipv4() : this.#ipv6()]);
      }
      case 9: {
        const [type, bytes] = this.#of([
          () => [0x21, this.#ipv4()] as const,
          () => [0x57, this.#ipv6()] as const,
          () => [0x281, this.#labels()] as const,
          () => [this.#of([0x23, 0x25, 0x27, 0x29, 0x2b, 0x31, 0xc021, 0x806]), this.#bytes(50)] as const,
        ])();
        return Buffer.concat([this.#u16(0xff03, type), bytes]);
      }
      case 104: {
        const [type, bytes] = this.#chance(0.1)
          ? ([0xfefe, Buffer.concat([hex('0383'), this.#bytes(2), this.#isis()])] as const)
          : this.#network();
        return Buffer.concat([this.#u16(0x0f00, type), bytes]);
      }
      case 105:
        return this.#wlan();
      case 127:
        return this.#radio();
      default:
        throw new Error(`there are no packets of link type ${linktype}`);
    }
  }

  /** This many packets, none shorter than what any expression of the tests loads. */
  many(linktype: number, count: number): Buffer[] {
    return Array.from({ length: count }, () => {
      const bytes = this.of(linktype);
      return bytes.length < 160 ? Buffer.concat([bytes, this.#bytes(160 - bytes.length)]) : bytes;
    });
  }
}
