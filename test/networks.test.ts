import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { namespaces, need } from './helpers/need.ts';
import { link } from './helpers/networks.ts';

test('two namespaces with a link between them reach each other', async (context) => {
  need(context, namespaces);
  const { peer, enter, address } = await link();
  const said = execFileSync(enter[0]!, [...enter.slice(1), 'ip', '-j', 'route', 'get', address], { encoding: 'utf8' });
  expect(JSON.parse(said)[0].dev).toBe(peer.name);
});
