#!/usr/bin/env node
// @ts-check
// Prints what changes in the network of this machine, as `ip monitor` does. netlink(7), rtnetlink(7).
//   node examples/netlink-monitor.js [link] [address] [route] [neigh]
import * as s from 'sys-socket';
import { command, countOf, number, UsageError } from './support/command.js';
import { addressText, InterfaceNames, linkText, neighbourText, routeText } from './support/netlink-text.js';
import { interruption, until } from './support/until.js';

const usage = `Usage: netlink-monitor.js [options] [link] [address] [route] [neigh]
Prints each change of interfaces, addresses, routes and neighbours, or only of the subjects that are named.

  -t, --timeout seconds   end after this time (default: at Ctrl-C)
  -c, --count events      end after so many events
  -b, --buffer bytes      set the receive buffer (SO_RCVBUF); if it overflows, a line reports that events were lost
  -h, --help              print this text

Exit code: 0 something changed, 1 nothing changed or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  timeout: { type: 'string', short: 't' },
  count: { type: 'string', short: 'c' },
  buffer: { type: 'string', short: 'b' },
});

/** The netlink groups that report changes of each subject. @type {Record<string, number>} */
const GROUPS = {
  link: s.RTMGRP_LINK,
  address: s.RTMGRP_IPV4_IFADDR | s.RTMGRP_IPV6_IFADDR,
  route: s.RTMGRP_IPV4_ROUTE | s.RTMGRP_IPV6_ROUTE,
  neigh: s.RTMGRP_NEIGH,
};

const interfaces = new InterfaceNames();

/**
 * Returns an event as text, or undefined if the message is no event that this program prints.
 * @param {import('sys-socket').NetlinkMessage} message
 */
function eventText({ type, data }) {
  const deleted = [s.RTM_DELLINK, s.RTM_DELADDR, s.RTM_DELROUTE, s.RTM_DELNEIGH].some((del) => del === type);
  const gone = deleted ? 'Deleted ' : '';
  switch (type) {
    case s.RTM_NEWLINK:
    case s.RTM_DELLINK: {
      const link = s.decodeLink(data);
      if (link === undefined) return undefined;
      interfaces.note(link);
      return `[LINK]${gone}${linkText(link, interfaces)}`;
    }
    case s.RTM_NEWADDR:
    case s.RTM_DELADDR: {
      const address = s.decodeInterfaceAddress(data);
      return address && `[ADDR]${gone}${addressText(address, interfaces)}`;
    }
    case s.RTM_NEWROUTE:
    case s.RTM_DELROUTE: {
      const route = s.decodeRoute(data);
      return route && `[ROUTE]${gone}${routeText(route, interfaces)}`;
    }
    case s.RTM_NEWNEIGH:
    case s.RTM_DELNEIGH: {
      const neighbour = s.decodeNeighbour(data);
      return neighbour && `[NEIGH]${gone}${neighbourText(neighbour, interfaces)}`;
    }
  }
  return undefined;
}

await command(usage, options, async (values, subjects) => {
  const time = values.timeout === undefined ? undefined : number(values.timeout, '--timeout') * 1000;
  const count = countOf(values.count);
  const wanted = subjects.length > 0 ? subjects : Object.keys(GROUPS);
  let groups = 0;
  for (const subject of wanted) {
    const mask = Object.hasOwn(GROUPS, subject) ? GROUPS[subject] : undefined;
    if (mask === undefined) throw new UsageError(`${subject}: not one of ${Object.keys(GROUPS).join(', ')}`);
    groups |= mask;
  }

  const socket = new s.Socket(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE);
  if (values.buffer !== undefined) socket.setsockopt(s.SOL_SOCKET, s.SO_RCVBUF, number(values.buffer, '--buffer'));
  socket.bind({ family: s.AF_NETLINK, pid: 0, groups });
  interfaces.refresh(); // after bind, so that an event reports every later change

  /** Returns the next messages, or undefined if some were lost. @param {import('sys-socket').WaitOptions} wait */
  const next = async (wait) => {
    try {
      const { data, address } = await socket.recvfrom(65536, 0, wait);
      const fromKernel = address !== undefined && 'pid' in address && address.pid === 0;
      return fromKernel ? s.decodeNetlink(data) : []; // any process may send messages to this socket
    } catch (error) {
      // The buffer was full, and the lost messages are unknown: a program that keeps a table would have to list anew.
      if (s.isErrno(error, 'ENOBUFS')) return undefined;
      throw error;
    }
  };

  let events = 0;
  for await (const messages of until(time, interruption(), next)) {
    if (messages === undefined) {
      console.log('[LOST]events were lost: ENOBUFS, the receive buffer was full');
      interfaces.refresh();
      continue;
    }
    for (const message of messages) {
      const text = eventText(message);
      if (text === undefined || events >= count) continue;
      console.log(text);
      events += 1;
    }
    if (events >= count) break;
  }
  socket.close();
  return events > 0 ? 0 : 1;
});
