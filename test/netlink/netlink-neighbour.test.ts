import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as constants from '../../lib/native/constants.ts';
import { namespaces, need, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';

interface IpNeighbour {
  dst: string;
  dev: string;
  lladdr?: string;
  state: string[];
  router?: null;
  proxy?: null;
}

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
const byName = new Map<string, number>(Object.entries(constants));

/** What both report about a neighbour; ip(8) omits the name of the requested interface. */
const summary = (address: string, mac: string | undefined, state: number, router: boolean) =>
  [address, mac ?? 'no mac', state, router].join(' ');

test('the neighbours are the same as those that ip neigh lists', async (context) => {
  need(context, namespaces, program('ip'));
  const { name, ifindex, peer, address } = await link();
  const third = address.replace(/\d+$/, '77');
  ip('neigh', 'add', third, 'lladdr', '02:00:00:00:00:77', 'dev', name, 'nud', 'permanent');
  ip('neigh', 'add', 'fd66::99', 'lladdr', '02:00:00:00:00:99', 'dev', name, 'nud', 'stale', 'router');
  ip('neigh', 'add', peer.address, 'lladdr', peer.mac, 'dev', name, 'nud', 'noarp');
  ip('neigh', 'add', address.replace(/\d+$/, '78'), 'dev', name, 'nud', 'failed');
  const told = JSON.parse(ip('-j', 'neigh', 'show', 'dev', name, 'nud', 'all')) as IpNeighbour[];
  const ours = s.listNeighbours().filter((entry) => entry.ifindex === ifindex);
  const text = ours.map((entry) => {
    const mac =
      entry.linkAddress &&
      Buffer.from(entry.linkAddress)
        .toString('hex')
        .replace(/..(?=.)/g, '$&:');
    return summary(entry.address!, mac, entry.state, (entry.flags & s.NTF_ROUTER) !== 0);
  });
  const theirs = told.map(({ dst, lladdr, state, router }) =>
    summary(dst, lladdr, byName.get(`NUD_${state[0]}`)!, router === null),
  );
  expect(text.sort()).toEqual(theirs.sort());
  expect(text).toContain(summary(third, '02:00:00:00:00:77', s.NUD_PERMANENT, false));
  expect(text).toContain(summary('fd66::99', '02:00:00:00:00:99', s.NUD_STALE, true));

  const stale = ours.find((entry) => entry.address === 'fd66::99')!;
  expect(stale).toMatchObject({ family: s.AF_INET6, type: s.RTN_UNICAST, probes: 0, master: undefined });
  expect(stale.cacheinfo!.updated).toBeLessThan(60 * 100);
  expect(stale.attributes.map(({ type }) => type)).toContain(s.NDA_DST);
  const failed = ours.find((entry) => entry.state === s.NUD_FAILED)!;
  expect(failed.linkAddress).toBeUndefined();
});
