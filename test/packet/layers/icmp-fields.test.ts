import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';

/** A value for each field that only some messages have. */
const values = {
  icmp: {
    identifier: 1,
    sequenceNumber: 1,
    nextHopMtu: 1,
    length: 1,
    pointer: 1,
    gatewayInternetAddress: '192.0.2.1',
    originateTimestamp: 1,
    receiveTimestamp: 1,
    transmitTimestamp: 1,
    local: true,
    state: 5,
    active: true,
    ipv4: true,
    ipv6: true,
  },
  icmpv6: {
    identifier: 1,
    sequenceNumber: 1,
    mtu: 1,
    pointer: 1,
    length: 1,
    curHopLimit: 1,
    managedAddressConfiguration: true,
    otherConfiguration: true,
    homeAgent: true,
    defaultRouterPreference: 1,
    routerLifetime: 1,
    reachableTime: 1,
    retransTimer: 1,
    router: true,
    solicited: true,
    override: true,
    targetAddress: '2001:db8::1',
    destinationAddress: '2001:db8::2',
    options: [],
    local: true,
    state: 5,
    active: true,
    ipv4: true,
    ipv6: true,
  },
} as const;
const needed = { targetAddress: '::1', destinationAddress: '::2' };

test.each(['icmp', 'icmpv6'] as const)(
  '%s: a field is encoded for the types that have it, and rejected for others',
  (layer) => {
    for (let type = 0; type < 256; type++) {
      const [decoded] = p.decodePacket(new Uint8Array(64).fill(type, 0, 1), { first: layer }).layers;
      const own = Object.keys(values[layer]).filter((field) => Object.hasOwn(decoded!, field));
      const base = {
        layer,
        type,
        ...Object.fromEntries(Object.entries(needed).filter(([name]) => own.includes(name))),
      };
      for (const [field, value] of Object.entries(values[layer])) {
        const encode = () => p.encodePacket([{ ...base, [field]: value } as p.LayerInput]);
        if (own.includes(field)) {
          const [again] = p.decodePacket(encode(), { first: layer }).layers;
          expect(again, `${field} of ${type}`).toMatchObject({ [field]: value });
        } else {
          expect(encode, `${field} of ${type}`).toThrow(
            expect.objectContaining({
              code: 'ERR_INVALID_ARG_VALUE',
              message: `The "${layer}.${field}" argument must be omitted from a message of type ${type}`,
            }),
          );
        }
      }
      expect(() => p.encodePacket([{ ...base, mtu: undefined, pointer: undefined } as p.LayerInput])).not.toThrow();
    }
  },
);

test('an object without a layer is rejected, and the correct name is suggested', () => {
  const refused = (part: object, code: string, message: string) =>
    expect(() => p.encodePacket([part as p.LayerInput])).toThrow(expect.objectContaining({ code, message }));
  refused(
    { sourcePort: 1, layr: 'udp' },
    'ERR_INVALID_ARG_VALUE',
    'The "layers.layr" argument must be spelled "layers.layer"',
  );
  const expected = 'an array of layers (objects with a "layer"), bytes and strings';
  refused({ sourcePort: 1 }, 'ERR_INVALID_ARG_TYPE', `The "layers" argument must be ${expected}`);
  refused([], 'ERR_INVALID_ARG_TYPE', `The "layers" argument must be ${expected}`);
  refused({ layer: 'upd' }, 'ERR_INVALID_ARG_VALUE', `The "layer" argument must be written 'udp'`);
});
