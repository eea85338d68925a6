/**
 * `sys-socket/packet`: packets captured, sent, built and taken apart, checksums, BPF programs, and files of captured packets.
 *
 * @module sys-socket/packet
 */

export { checksum, pseudoHeaderIpv4, pseudoHeaderIpv6, updateChecksum } from './bytes/checksum.ts';
export { Block } from './capture/block.ts';
export { Capture, type CaptureStatistics } from './capture/capture.ts';
export { type CaptureDevice, type DeviceAddress, listCaptureDevices } from './capture/capture-device.ts';
export type { CaptureOptions } from './capture/capture-options.ts';
export { openCapture } from './capture/open-capture.ts';
export { GivenBackError, Packet, type PacketCopy } from './capture/packet.ts';
export { openTransmitRing, TransmitRing, type TransmitRingOptions } from './capture/transmit-ring.ts';
export type { RequestError } from './exchange/arrival.ts';
export { exchange, exchangeOne } from './exchange/exchange.ts';
export type { Answered, ExchangeOptions, ExchangeRequest, RequestLayers, Unanswered } from './exchange/outcome.ts';
export type { ExchangeSocket } from './exchange/socket-port.ts';
export type {
  CapturedPacket,
  CaptureInterface,
  CaptureSink,
  InterfaceStatistics,
  PacketRecord,
} from './file/capture-file.ts';
export { type CaptureError, CaptureReader, type ReaderOptions } from './file/capture-reader.ts';
export { type PcapOptions, PcapWriter } from './file/pcap.ts';
export { PcapngWriter, type SectionOptions } from './file/pcapng.ts';
export { CaptureFileError, readCapture } from './file/read-capture.ts';
export type { FilterContext } from './filter/ancillary.ts';
export { assembleFilter } from './filter/assemble.ts';
export { type CompileOptions, compileFilter } from './filter/compile.ts';
export { disassembleFilter, type FilterFormat } from './filter/disassemble.ts';
export type {
  Direction,
  FilterExpression,
  FilterOperator,
  FilterValue,
  HeaderName,
  Relation,
  WlanAddress,
} from './filter/expression.ts';
export type { PacketFilter } from './filter/given.ts';
export * as match from './filter/match.ts';
export { parseFilter } from './filter/parse.ts';
export { type OfflineFilter, offlineFilter } from './filter/run.ts';
export { type FilterFault, verifyFilter } from './filter/verify.ts';
export { formatHex } from './format/format-hex.ts';
export { formatPacket } from './format/format-packet.ts';
export { summarizePacket } from './format/summarize-packet.ts';
export { type Arp, type ArpFields, type ArpInput, arp } from './layers/arp.ts';
export { type BsdLoopback, type BsdLoopbackFields, type BsdLoopbackInput, bsdLoopback } from './layers/bsd-loopback.ts';
export type { DecodeError, Filled } from './layers/codec.ts';
export {
  type CapturedData,
  type DecodedPacket,
  type DecodeOptions,
  decodePacket,
  findLayer,
} from './layers/decode.ts';
export { defineLayer } from './layers/define-layer.ts';
export { type EncodeOptions, encodePacket, encodePacketInto, payload, trailer } from './layers/encode.ts';
export {
  type Ethernet,
  type EthernetFields,
  type EthernetInput,
  ethernet,
  type VlanTag,
  type VlanTagFields,
} from './layers/ethernet.ts';
export type { ExtendedEchoFields } from './layers/extended-echo.ts';
export { type Gre, type GreFields, type GreInput, gre } from './layers/gre.ts';
export { type Icmp, type IcmpFields, type IcmpInput, icmp } from './layers/icmp.ts';
export { icmpv6 } from './layers/icmpv6.ts';
export type { Icmpv6, Icmpv6Fields, Icmpv6Input } from './layers/icmpv6-message.ts';
export * from './layers/icmpv6-type.ts';
export { type Igmp, type IgmpFields, type IgmpInput, type IgmpRecord, igmp } from './layers/igmp.ts';
export {
  type Ah,
  type AhFields,
  type AhInput,
  ah,
  type Esp,
  type EspFields,
  type EspInput,
  esp,
} from './layers/ipsec.ts';
export { type Ipv4, type Ipv4Fields, type Ipv4Input, ipv4 } from './layers/ipv4.ts';
export type { Ipv4Option } from './layers/ipv4-option.ts';
export { type Ipv6, type Ipv6Fields, type Ipv6Input, ipv6 } from './layers/ipv6.ts';
export { type Fragment, type FragmentFields, type FragmentInput, fragment } from './layers/ipv6-fragment.ts';
export type { Ipv6Option } from './layers/ipv6-option.ts';
export {
  type DestinationOptions,
  type DestinationOptionsInput,
  destinationOptions,
  type HopByHop,
  type HopByHopInput,
  hopByHop,
  type OptionsHeaderFields,
} from './layers/ipv6-options-header.ts';
export { type Routing, type RoutingFields, type RoutingInput, routing } from './layers/ipv6-routing.ts';
export type { Layer, LayerInput, Payload, Trailer } from './layers/layer.ts';
export type { LayerName } from './layers/layer-name.ts';
export type {
  AnyLayerType,
  DecodedFields,
  LayerDefinition,
  LayerOf,
  LayerType,
  Next,
  OwnLayer,
} from './layers/layer-type.ts';
export * from './layers/linktype.ts';
export {
  type LinuxSll,
  type LinuxSll2,
  type LinuxSll2Fields,
  type LinuxSll2Input,
  type LinuxSllFields,
  type LinuxSllInput,
  linuxSll,
  linuxSll2,
} from './layers/linux-cooked.ts';
export {
  type Llc,
  type LlcFields,
  type LlcInput,
  llc,
  type Snap,
  type SnapFields,
  type SnapInput,
  snap,
} from './layers/llc.ts';
export {
  type Mpls,
  type MplsEntry,
  type MplsEntryFields,
  type MplsFields,
  type MplsInput,
  mpls,
} from './layers/mpls.ts';
export type { NdOption, NdOptionInput } from './layers/nd-option.ts';
export { PacketView } from './layers/packet-view.ts';
export { type Ppp, type PppFields, type PppInput, ppp } from './layers/ppp.ts';
export { type Pppoe, type PppoeFields, type PppoeInput, pppoe } from './layers/pppoe.ts';
export type { PseudoHeader } from './layers/pseudo-header.ts';
export { refill } from './layers/refill.ts';
export { type Sctp, type SctpFields, type SctpInput, sctp } from './layers/sctp.ts';
export { type Stp, type StpFields, type StpInput, stp } from './layers/stp.ts';
export { type Tcp, type TcpFields, type TcpInput, tcp } from './layers/tcp.ts';
export type { TcpOption } from './layers/tcp-option.ts';
export { type Udp, type UdpFields, type UdpInput, udp } from './layers/udp.ts';
export { type Udplite, type UdpliteFields, type UdpliteInput, udplite } from './layers/udplite.ts';
export { type Vlan, type VlanFields, type VlanInput, vlan } from './layers/vlan.ts';
export {
  type Geneve,
  type GeneveFields,
  type GeneveInput,
  type GeneveOption,
  geneve,
  type Vxlan,
  type VxlanFields,
  type VxlanInput,
  vxlan,
} from './layers/vxlan.ts';
export type { IncompleteDatagram, IncompleteReason } from './reassembly/datagram.ts';
export { type DefragmentOptions, defragment, ReassembledPacket } from './reassembly/defragment.ts';
export type { PacketSource, SourcePacket } from './reassembly/source.ts';
export type { TcpCloseReason, TcpEndpoint, TcpEvent, TcpStream } from './reassembly/tcp-event.ts';
export { type TcpStreamsOptions, tcpStreams } from './reassembly/tcp-streams.ts';
