import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IPFamily } from '../../src/model/address.js';
import { endpointsOf, isEligible } from '../../src/model/eligible-endpoints.js';
import type { EndpointSlice, SliceEndpoint } from '../../src/model/endpoint-slice.js';
import { services, slices } from '../support/slice-arbitraries.js';

const HTTP = { portName: 'http', protocol: 'TCP' } as const;

function slice(endpoints: readonly SliceEndpoint[], changes: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    origin: 'EndpointSlice',
    namespace: 'default',
    name: 'web-abc',
    service: 'web',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints,
    ...changes,
  };
}

function at(
  address: string,
  condition: 'ready' | 'not ready' | 'draining' | 'terminating' = 'ready',
): SliceEndpoint {
  return {
    address,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
    ready: condition === 'ready',
    serving: condition === 'ready' || condition === 'draining',
    terminating: condition === 'draining' || condition === 'terminating',
  };
}

const keys = (
  all: readonly EndpointSlice[],
  family: IPFamily | null = null,
  port: Parameters<typeof endpointsOf>[0] = HTTP,
) => endpointsOf(port, family, all).map(({ key }) => key);

describe('endpointsOf', () => {
  it('merges the slices of a Service, each endpoint once, in a stable order', () => {
    const all = [slice([at('10.0.0.3'), at('10.0.0.1')]), slice([at('10.0.0.2'), at('10.0.0.1')])];
    expect(keys(all)).toEqual(['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080']);
  });

  it('takes one address with two ports for two endpoints', () => {
    const ports = [8080, 8081].map((port) => ({ name: 'http', protocol: 'TCP', port }) as const);
    expect(keys([slice([at('10.0.0.1')], { ports })])).toEqual(['10.0.0.1:8080', '10.0.0.1:8081']);
  });

  it('lets ready endpoints serve, and only those while there is one', () => {
    expect(keys([slice([at('10.0.0.1', 'draining'), at('10.0.0.2'), at('10.0.0.3', 'not ready')])])).toEqual([
      '10.0.0.2:8080',
    ]);
  });

  it('lets those that serve while they terminate do so where none is ready', () => {
    const all = [
      slice([at('10.0.0.1', 'draining'), at('10.0.0.2', 'not ready'), at('10.0.0.3', 'terminating')]),
    ];
    expect(keys(all)).toEqual(['10.0.0.1:8080']);
  });

  it('has none where none may serve', () => {
    expect(keys([slice([at('10.0.0.2', 'not ready'), at('10.0.0.3', 'terminating')])])).toEqual([]);
  });

  it.each([
    [['not ready', 'ready'] as const],
    [['ready', 'not ready'] as const],
    [['draining', 'ready'] as const],
    [['ready', 'draining'] as const],
  ])('takes an endpoint that two slices hold as %j for ready', (conditions) => {
    const all = conditions.map((condition) => slice([at('10.0.0.1', condition)]));
    expect(keys([...all, slice([at('10.0.0.2')])])).toEqual(['10.0.0.1:8080', '10.0.0.2:8080']);
  });

  it.each([
    ['name', { portName: 'https', protocol: 'TCP' } as const, []],
    ['protocol', { portName: 'http', protocol: 'UDP' } as const, []],
    ['name and protocol', HTTP, ['10.0.0.1:8080']],
  ])('matches ports by %s', (_what, port, found) => {
    expect(keys([slice([at('10.0.0.1')])], null, port)).toEqual(found);
  });

  it('matches ports that both have no name', () => {
    const unnamed = slice([at('10.0.0.1')], { ports: [{ name: '', protocol: 'TCP', port: 8080 }] });
    expect(keys([unnamed], null, { portName: '', protocol: 'TCP' })).toEqual(['10.0.0.1:8080']);
    expect(keys([unnamed])).toEqual([]);
  });

  it('uses the endpoints of the primary family', () => {
    const all = [slice([at('fd00::1')]), slice([at('10.0.0.1')])];
    expect(keys(all, 'IPv4')).toEqual(['10.0.0.1:8080']);
    expect(keys(all, 'IPv6')).toEqual(['[fd00::1]:8080']);
    expect(keys(all)).toEqual(['10.0.0.1:8080', '[fd00::1]:8080']);
  });

  it('crosses to the other family only where the primary one has none that may serve', () => {
    expect(keys([slice([at('10.0.0.1', 'not ready')]), slice([at('fd00::1')])], 'IPv4')).toEqual([
      '[fd00::1]:8080',
    ]);
    expect(keys([slice([at('10.0.0.1', 'draining')]), slice([at('fd00::1')])], 'IPv4')).toEqual([
      '10.0.0.1:8080',
    ]);
  });

  it('uses legacy Endpoints only where there is no slice, an empty one included', () => {
    const legacy = slice([at('10.0.0.9')], { origin: 'Endpoints' });
    expect(keys([legacy])).toEqual(['10.0.0.9:8080']);
    expect(keys([legacy, slice([at('10.0.0.1')])])).toEqual(['10.0.0.1:8080']);
    expect(keys([legacy, slice([])])).toEqual([]);
  });
});

describe('whatever the slices are', () => {
  const servicePort = services
    .filter((drawn) => drawn.length > 0)
    .map(([service]) => service?.servicePorts[0] ?? HTTP);
  const family = fc.constantFrom<IPFamily | null>('IPv4', 'IPv6', null);

  it('their order does not matter, and no endpoint is there twice', () => {
    const shuffled = slices.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(servicePort, family, shuffled, (port, primary, [all, reordered]) => {
        const found = keys(all, primary, port);
        expect(keys(reordered, primary, port)).toEqual(found);
        expect(new Set(found).size).toBe(found.length);
      }),
    );
  });

  it('merging them twice changes nothing', () => {
    fc.assert(
      fc.property(servicePort, family, slices, (port, primary, all) => {
        expect(keys([...all, ...all], primary, port)).toEqual(keys(all, primary, port));
      }),
    );
  });

  it('what serves is held by a slice as one that may, and something serves where one may', () => {
    fc.assert(
      fc.property(servicePort, family, slices, (port, primary, all) => {
        const hasSlice = all.some(({ origin }) => origin === 'EndpointSlice');
        const eligible = all
          .filter(({ origin }) => !hasSlice || origin === 'EndpointSlice')
          .flatMap(({ ports, endpoints }) =>
            ports
              .filter(({ name, protocol }) => name === port.portName && protocol === port.protocol)
              .flatMap((matching) =>
                endpoints.filter(isEligible).map(({ address }) => `${address} ${matching.port}`),
              ),
          );
        const found = endpointsOf(port, primary, all);
        for (const served of found) expect(eligible).toContain(`${served.address} ${served.port}`);
        expect(found.length > 0).toBe(eligible.length > 0);
      }),
    );
  });

  it('an unready endpoint more never takes one away, nor adds one', () => {
    fc.assert(
      fc.property(servicePort, family, slices, (port, primary, all) => {
        const sick = slice([at('10.0.0.200', 'not ready')], { origin: all[0]?.origin ?? 'EndpointSlice' });
        expect(keys([...all, sick], primary, port)).toEqual(keys(all, primary, port));
      }),
    );
  });
});
