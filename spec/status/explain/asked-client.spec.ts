import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Address } from '../../../src/model/address.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import {
  admission,
  bindingsOf,
  clientAddress,
  clientStatus,
} from '../../../src/status/explain/asked-client.js';
import { NOON } from '../../support/proxy-values.js';

const CLIENT: Address = { address: '10.1.2.3', family: 'IPv4' };
const HTTP = 'default/web:http';

describe('the client that is asked about', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['FD00:0::1', 'fd00::1'],
  ])('%s is the address %s', (text, address) => {
    expect(clientAddress(text).address).toBe(address);
  });

  it.each(['', '10.1.2.3:80', 'localhost', '10.0.0.0/8', '\u001b[2J'])('%j is none', (text) => {
    expect(() => clientAddress(text)).toThrow(KubeSpliceError);
    expect(() => clientAddress(text)).toThrow('is not an IP address');
  });

  it('is looked up at every portal that the service ports may have', async () => {
    const asked: string[] = [];
    const engine = {
      affinity: async (name: string, address: string) => {
        asked.push(`${name} ${address}`);
        return name.includes('@external@') ? { endpoint: '10.9.0.1:80', remainingMs: 1_500 } : null;
      },
    };
    const bindings = await bindingsOf(engine, new Set([HTTP]), CLIENT);
    expect(asked).toEqual([
      'default/web:http 10.1.2.3',
      'default/web:http@dual-stack 10.1.2.3',
      'default/web:http@external 10.1.2.3',
      'default/web:http@external@dual-stack 10.1.2.3',
    ]);
    expect(clientStatus(HTTP, CLIENT, bindings, NOON)).toEqual({
      address: '10.1.2.3',
      bindings: [{ traffic: 'external', endpoint: '10.9.0.1:80', until: '2026-11-22T12:00:01.500Z' }],
    });
    expect(clientStatus('default/other', CLIENT, bindings, NOON).bindings).toEqual([]);
  });
});

describe('whether a client may come in', () => {
  it.each([
    ['IPv4', [], 'let-in'],
    ['IPv6', [], 'other-family'],
    ['IPv4', ['10.0.0.0/8'], 'let-in'],
    ['IPv4', ['10.1.2.3/32'], 'let-in'],
    ['IPv4', ['192.168.0.0/16', '10.1.2.0/31'], 'kept-out'],
    ['IPv4', ['192.168.0.0/16', '10.1.2.2/31'], 'let-in'],
    // Limited to the other family: nobody of this one may.
    ['IPv4', ['fd00::/8'], 'kept-out'],
    ['IPv4', ['0.0.0.0/0'], 'let-in'],
  ] as const)('through one of %s for %j: %s', (family, sourceRanges, verdict) => {
    expect(admission({ family, sourceRanges }, CLIENT)).toBe(verdict);
  });

  it('is decided by the leading bits of its address', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.nat(0xffff_ffff),
        fc.integer({ min: 0, max: 32 }),
        (range, client, length) => {
          const text = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
          const prefix = (value: number) => (length === 0 ? 0 : value >>> (32 - length));
          const isInside = prefix(range) === prefix(client);
          const asked: Address = { address: text(client), family: 'IPv4' };
          const way = { family: 'IPv4', sourceRanges: [`${text(range)}/${length}`] } as const;
          expect(admission(way, asked)).toBe(isInside ? 'let-in' : 'kept-out');
        },
      ),
    );
  });
});
