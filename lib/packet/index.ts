/**
 * `sys-socket/packet`: packets captured, sent, built and taken apart, checksums, BPF programs, and files of captured packets.
 *
 * @module sys-socket/packet
 */
export { type Arp, type ArpFields, type ArpInput, arp } from './arp.ts';
export { Block, GivenBackError, Packet, type PacketCopy } from './block.ts';
export type { FilterContext } from './bpf-ancillary.ts';
export { assembleFilter } from './bpf-assemble.ts';
export { type CompileOptions, compileFilter } from './bpf-compile.ts';
export { disassembleFilter, type FilterFormat } from './bpf-disassemble.ts';
export type { Direction, FilterExpression, HeaderName, Relation } from './bpf-match.ts';
export * as match from './bpf-match.ts';
export { parseFilter } from './bpf-parse.ts';
export { type OfflineFilter, offlineFilter } from './bpf-run.ts';
export { type FilterFault, verifyFilter } from './bpf-verify.ts';
export { Capture, type CaptureOptions, type CaptureStatistics, openCapture } from './capture.ts';
export type {
  CapturedPacket,
  CaptureInterface,
  CaptureSink,
  InterfaceStatistics,
  PacketRecord,
} from './capture-file.ts';
export { type CaptureError, CaptureReader } from './capture-reader.ts';
export { checksum, pseudoHeaderIpv4, pseudoHeaderIpv6, updateChecksum } from './checksum.ts';
export type { DecodeError, Filled } from './codec.ts';
export {
  type Ethernet,
  type EthernetFields,
  type EthernetInput,
  ethernet,
  type VlanTag,
  type VlanTagFields,
} from './ethernet.ts';
export { formatHex, formatPacket } from './format-packet.ts';
export { type Icmp, type IcmpFields, type IcmpInput, icmp } from './icmp.ts';
export { type Icmpv6, type Icmpv6Fields, type Icmpv6Input, icmpv6 } from './icmpv6.ts';
export * from './icmpv6-type.ts';
export { type Ipv4, type Ipv4Fields, type Ipv4Input, ipv4 } from './ipv4.ts';
export type { Ipv4Option } from './ipv4-option.ts';
export { type Ipv6, type Ipv6Fields, type Ipv6Input, ipv6 } from './ipv6.ts';
export {
  type DestinationOptions,
  type DestinationOptionsInput,
  destinationOptions,
  type Fragment,
  type FragmentFields,
  type FragmentInput,
  fragment,
  type HopByHop,
  type HopByHopInput,
  hopByHop,
  type OptionsHeaderFields,
  type Routing,
  type RoutingFields,
  type RoutingInput,
  routing,
} from './ipv6-extension.ts';
export type { Ipv6Option } from './ipv6-option.ts';
export * from './linktype.ts';
export type { NdOption } from './nd-option.ts';
export {
  type DecodedPacket,
  type DecodeOptions,
  decodePacket,
  type EncodeOptions,
  encodePacket,
  encodePacketInto,
  findLayer,
  type Layer,
  type LayerInput,
  type LayerName,
  type Payload,
  type PseudoHeader,
  payload,
  refill,
  type Trailer,
  trailer,
} from './packet.ts';
export { PacketView } from './packet-view.ts';
export { type PcapOptions, PcapWriter } from './pcap.ts';
export { PcapngWriter, type SectionOptions } from './pcapng.ts';
export { type Tcp, type TcpFields, type TcpInput, tcp } from './tcp.ts';
export type { TcpOption } from './tcp-option.ts';
export { openTransmitRing, TransmitRing, type TransmitRingOptions } from './transmit-ring.ts';
export { type Udp, type UdpFields, type UdpInput, udp } from './udp.ts';
