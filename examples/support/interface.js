// @ts-check
// The network interfaces: what the programs here want to know of them.
import { AF_INET, AF_INET6, ARPHRD_ETHER, formatHardwareAddress, listAddresses, listLinks } from 'sys-socket';
import { sourceAddress } from './host.js';

/**
 * @typedef {object} Interface
 * @property {string} name
 * @property {number} ifindex
 * @property {number} flags IFF_ flags
 * @property {number} mtu
 * @property {string | undefined} mac of an Ethernet interface
 * @property {string[]} ipv4 its addresses
 * @property {string[]} ipv6
 */

/** All interfaces. @returns {Interface[]} */
export function interfaces() {
  const addresses = listAddresses();
  return listLinks().map(({ ifindex, name = `if${ifindex}`, flags, mtu = 0, hatype, address }) => {
    const of = (/** @type {number} */ family) =>
      addresses
        .filter((entry) => entry.ifindex === ifindex && entry.family === family)
        .flatMap(({ local }) => local ?? []);
    const ethernet = hatype === ARPHRD_ETHER && address?.length === 6;
    return {
      name,
      ifindex,
      flags,
      mtu,
      mac: ethernet ? formatHardwareAddress(address) : undefined,
      ipv4: of(AF_INET),
      ipv6: of(AF_INET6),
    };
  });
}

/** The interface of a name. @param {string} name @returns {Interface} */
export function interfaceNamed(name) {
  const all = interfaces();
  const found = all.find((entry) => entry.name === name);
  if (found === undefined)
    throw new Error(`no interface ${name}; there are ${all.map((entry) => entry.name).join(', ')}`);
  return found;
}

/** The Ethernet interface of a name. @param {string} name @returns {Interface & { mac: string }} */
export function ethernetNamed(name) {
  const found = interfaceNamed(name);
  const { mac: address } = found;
  if (address === undefined) throw new Error(`${name} is no Ethernet interface`);
  return { ...found, mac: address };
}

/**
 * The Ethernet interface that leads to a host of a link, and the own IPv4 address there.
 * @param {string} host an IPv4 address @param {string | undefined} name of the interface, in place of the routes' choice
 */
export function linkTo(host, name) {
  if (name !== undefined) {
    const link = ethernetNamed(name);
    return { link, address: link.ipv4[0] };
  }
  const address = sourceAddress({ family: AF_INET, address: host, port: 0 });
  const link = interfaces().find(({ ipv4 }) => ipv4.includes(address));
  if (link === undefined) throw new Error(`no interface has ${address}, from which ${host} is reached`);
  return { link: ethernetNamed(link.name), address };
}
