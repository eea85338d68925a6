// @ts-check
// Formats what a neighbour or a router advertises. RFC 4861, 4191 and 8106.
import { printable } from './text.js';

/** @typedef {import('sys-socket/packet').Icmpv6} Icmpv6 @typedef {import('sys-socket/packet').NdOption} NdOption */

const PREFERENCES = ['medium', 'high', 'reserved', 'low'];
const INFINITE = 0xffffffff;

/** @param {number} seconds */
const lifetime = (seconds) => (seconds === INFINITE ? 'for ever' : `for ${seconds} s`);

/** Returns the names of the flags that are set. @param {Record<string, boolean | undefined>} flags */
function flagsText(flags) {
  const set = Object.keys(flags).filter((name) => flags[name]);
  return set.length > 0 ? set.join(', ') : 'none';
}

/** Formats one option. @param {NdOption} option */
function optionText(option) {
  switch (option.name) {
    case 'sourceLinkLayerAddress':
    case 'targetLinkLayerAddress':
      return `Link-layer address: ${option.linkLayerAddress}`;
    case 'prefixInformation': {
      const { prefix, prefixLength, onLink, autonomous, validLifetime, preferredLifetime } = option;
      const times = `valid ${lifetime(validLifetime)}, preferred ${lifetime(preferredLifetime)}`;
      return `Prefix: ${prefix}/${prefixLength} (${flagsText({ 'on link': onLink, autonomous })}), ${times}`;
    }
    case 'mtu':
      return `MTU: ${option.mtu}`;
    case 'routeInformation': {
      const { prefix, prefixLength, preference, routeLifetime } = option;
      return `Route: ${prefix}/${prefixLength}, preference ${PREFERENCES[preference]}, ${lifetime(routeLifetime)}`;
    }
    case 'recursiveDnsServer':
      return `DNS server: ${option.addresses.join(', ')}, ${lifetime(option.lifetime)}`;
    case 'dnsSearchList':
      return `DNS search list: ${option.domainNames.map(printable).join(', ')}, ${lifetime(option.lifetime)}`;
    default:
      return `Option ${'type' in option ? option.type : option.name}: ${option.data.length} bytes`;
  }
}

/** Formats the fields of an advertisement, one per line. @param {Icmpv6} message */
function* fields(message) {
  if (message.targetAddress !== undefined) {
    const { router, solicited, override } = message;
    yield `Target address: ${message.targetAddress}`;
    yield `Flags: ${flagsText({ router, solicited, override })}`;
    return;
  }
  const { managedAddressConfiguration: managed, otherConfiguration: other, homeAgent } = message;
  yield `Hop limit: ${message.curHopLimit || 'unspecified'}`;
  yield `Flags: ${flagsText({ managed, other, 'home agent': homeAgent })}`;
  yield `Preference: ${PREFERENCES[message.defaultRouterPreference ?? 0]}`;
  yield `Default router: ${message.routerLifetime ? lifetime(message.routerLifetime) : 'no'}`;
  yield `Reachable time: ${message.reachableTime || 'unspecified'}${message.reachableTime ? ' ms' : ''}`;
  yield `Retransmission timer: ${message.retransTimer || 'unspecified'}${message.retransTimer ? ' ms' : ''}`;
}

/** Formats an advertisement: its fields, then its options. @param {Icmpv6} message */
export function advertisementLines(message) {
  return [...fields(message), ...(message.options ?? []).map(optionText)];
}
