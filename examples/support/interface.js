// @ts-check
// Looks up the network interfaces and the properties that the programs here need.
import { AF_INET } from 'sys-socket';
import { LINKTYPE_ETHERNET, listCaptureDevices } from 'sys-socket/packet';
import { sourceAddress } from './host.js';

/** @typedef {import('sys-socket/packet').CaptureDevice} Interface @typedef {Interface & { hardwareAddress: string }} Ethernet */

/** Returns all interfaces, without the device `any`. */
export const interfaces = () => listCaptureDevices().filter(({ index }) => index !== 0);

/** Returns whether an interface is an Ethernet interface. @param {Interface} entry @returns {entry is Ethernet} */
export const isEthernet = (entry) =>
  entry.linktype === LINKTYPE_ETHERNET && !entry.loopback && entry.hardwareAddress !== undefined;

/** Returns the addresses of a family. @param {Interface} entry @param {number} family */
export const addressesOf = ({ addresses }, family) =>
  addresses.filter((entry) => entry.family === family).map(({ address }) => address);

/** Returns the interface with a name. @param {string} name */
export function interfaceNamed(name) {
  const all = interfaces();
  const found = all.find((entry) => entry.name === name);
  if (found === undefined)
    throw new Error(`no interface ${name}; there are ${all.map((entry) => entry.name).join(', ')}`);
  return found;
}

/** Returns the Ethernet interface with a name. @param {string} name */
export function ethernetNamed(name) {
  const found = interfaceNamed(name);
  if (!isEthernet(found)) throw new Error(`${name} is not an Ethernet interface`);
  return found;
}

/**
 * Returns the Ethernet interface through which a host on the link is reached, and our own IPv4 address there.
 * @param {string} host an IPv4 address @param {string | undefined} name selects the interface in place of the routes
 */
export function linkTo(host, name) {
  if (name !== undefined) {
    const link = ethernetNamed(name);
    return { link, address: addressesOf(link, AF_INET)[0] };
  }
  const address = sourceAddress({ family: AF_INET, address: host, port: 0 });
  const link = interfaces().find((entry) => addressesOf(entry, AF_INET).includes(address));
  if (link === undefined) throw new Error(`no interface has ${address}, from which ${host} is reached`);
  return { link: ethernetNamed(link.name), address };
}
