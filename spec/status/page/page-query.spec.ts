import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServicePortName } from '../../../src/model/service-port.js';
import { pageAddress, pageOf, pageQuery, ROWS } from '../../../src/status/page/page-query.js';
import { trafficOf } from '../../../src/status/watch/traffic-rates.js';
import { aReport, aServicePort, aServicePortView, aView, endpoints } from '../../support/proxy-values.js';

const named = (name: ServicePortName, ...ports: number[]) =>
  aServicePortView({ servicePort: aServicePort({ name }), endpoints: endpoints(...ports) });
const trafficOfAll = (...views: ReturnType<typeof named>[]) =>
  trafficOf(aReport({ view: aView(views) }), null);
const query = (text: string) => pageQuery(new URLSearchParams(text));
const namesOf = (text: string, traffic: ReturnType<typeof trafficOfAll>) =>
  pageOf(traffic, query(text)).rows.map(({ servicePort }) => servicePort.name);

describe('what somebody wants to see', () => {
  it('is read again from the address that it makes', () => {
    fc.assert(
      fc.property(
        fc.string().map((text) => text.trim()),
        fc.constantFrom('name', 'traffic'),
        fc.integer({ min: 1, max: 10_000 }),
        (search, order, page) => {
          const wanted = { search, order, page } as const;
          expect(pageQuery(new URL(pageAddress(wanted), 'http://node').searchParams)).toEqual(wanted);
        },
      ),
    );
  });

  it('is the first page by name where the address makes no sense', () => {
    for (const text of ['page=0', 'page=-1', 'page=1e99', 'page=x', 'sort=rm', 'page=1.5'])
      expect(query(text)).toEqual({ search: '', order: 'name', page: 1 });
  });
});

describe('a page of service ports', () => {
  const all = trafficOfAll(named('shop/web:http', 8_080), named('shop/cart:http', 9_090), named('dns/a', 53));

  it('has those with every word in the name, an address or an endpoint', () => {
    expect(namesOf('q=SHOP', all)).toEqual(['shop/cart:http', 'shop/web:http']);
    expect(namesOf('q=shop 10.1.0.1:8080', all)).toEqual(['shop/web:http']);
    expect(namesOf('q=:53', all)).toEqual(['dns/a']);
    expect(namesOf('q=nothing', all)).toEqual([]);
  });

  it('has those with trouble first', () => {
    expect(namesOf('', trafficOfAll(named('a/a', 1), named('z/z')))).toEqual(['z/z', 'a/a']);
  });

  it('has every service port on one page, and each page is full but the last', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 * ROWS }), (count) => {
        const traffic = trafficOfAll(...Array.from({ length: count }, (_, at) => named(`load/s${at}`, 1)));
        const { pages } = pageOf(traffic, query(''));
        const sizes = Array.from({ length: pages }, (_, at) => namesOf(`page=${at + 1}`, traffic));
        expect(sizes.flat().toSorted()).toEqual(
          traffic.map(({ servicePort }) => servicePort.name).toSorted(),
        );
        expect(sizes.slice(0, -1).every((names) => names.length === ROWS)).toBe(true);
        expect(pageOf(traffic, query(`page=${pages + 5}`)).page).toBe(pages);
      }),
      { numRuns: 20 },
    );
  });
});
