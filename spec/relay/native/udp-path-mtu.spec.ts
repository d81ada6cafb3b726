import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import { Machine } from '../../support/network/machine.js';
import { deleteOrphanedNamespaces } from '../../support/network/network-namespace.js';
import { SOON } from '../../support/network/polling.js';
import { RELAY_IN_NAMESPACE_MISSING, startRelayIn } from '../../support/network/relay-in-namespace.js';

const NETWORK_TIMEOUT_MS = 60_000;
/** The least that a link of IPv6 may have (RFC 8200, 5), and what a datagram of TOO_LONG doesn't fit in. */
const FAR_MTU = 1_280;
const TOO_LONG = 'x'.repeat(1_400);
const ENDPOINT_PORT = 7_000;

/** `near` is between relay and router; each endpoint has a link of its own to the router. */
const ADDRESSES = {
  IPv4: { near: '10.1.0', endpoints: ['10.2.0', '10.3.0'], of: (net: string, n: number) => `${net}.${n}` },
  IPv6: { near: 'fd01', endpoints: ['fd02', 'fd03'], of: (net: string, n: number) => `${net}::${n}` },
} as const;
const FAMILIES = ['IPv4', 'IPv6'] as const;
const LENGTHS = { IPv4: 24, IPv6: 64 } as const;

/**
 *     relay ── near ── router ─┬─ far0 ── a
 *                              └─ far1 ── b        far0 and far1: of the small MTU
 */
class NarrowNetwork {
  private constructor(
    readonly relay: Machine,
    readonly router: Machine,
    readonly endpoints: readonly [Machine, Machine],
  ) {}

  static async create(): Promise<NarrowNetwork> {
    await deleteOrphanedNamespaces();
    const endpoints = [await Machine.create('a'), await Machine.create('b')] as const;
    const network = new NarrowNetwork(
      await Machine.create('relay'),
      await Machine.create('router'),
      endpoints,
    );
    await network.#connect();
    await Promise.all(endpoints.map((machine) => machine.serveUdp(ENDPOINT_PORT)));
    return network;
  }

  async delete(): Promise<void> {
    await Promise.all([this.relay, this.router, ...this.endpoints].map((machine) => machine.delete()));
  }

  async #connect(): Promise<void> {
    const { namespace } = this.router;
    await namespace.set('net/ipv4/ip_forward', '1');
    await namespace.set('net/ipv6/conf/all/forwarding', '1');
    await this.#link(this.relay, 'near', 1_500, (family) => ADDRESSES[family].near);
    for (const [index, machine] of this.endpoints.entries())
      await this.#link(machine, `far${index}`, FAR_MTU, (family) => `${ADDRESSES[family].endpoints[index]}`);
  }

  /** A link of a machine to the router, which has the first address of its network, and is the way to all others. */
  async #link(machine: Machine, device: string, mtu: number, network: (family: Family) => string) {
    const address = (family: Family, n: number) => ADDRESSES[family].of(network(family), n);
    const addAddresses = (n: number, ofDevice: string) =>
      FAMILIES.map((family) => {
        const flags = family === 'IPv6' ? ' nodad' : '';
        return `address add ${address(family, n)}/${LENGTHS[family]} dev ${ofDevice}${flags}`;
      });
    await this.router.namespace.ipBatch(
      `link add ${device} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${machine.namespace.name}`,
      ...addAddresses(1, device),
      `link set ${device} up`,
    );
    await machine.namespace.ipBatch(
      ...addAddresses(2, 'eth0'),
      'link set eth0 up',
      ...FAMILIES.map((family) => `route add default via ${address(family, 1)}`),
    );
  }
}

type Family = (typeof FAMILIES)[number];

describe.skipIf(RELAY_IN_NAMESPACE_MISSING)(
  'a path that carries less than the network of the relay (skipped where it is not built, and but for root)',
  { timeout: NETWORK_TIMEOUT_MS },
  () => {
    let network: NarrowNetwork | undefined;
    beforeAll(async () => {
      network = await NarrowNetwork.create();
    }, NETWORK_TIMEOUT_MS);
    afterAll(() => network?.delete(), NETWORK_TIMEOUT_MS);

    it.each(FAMILIES)(
      'costs a UDP session one datagram that is too long, and not its endpoint (%s)',
      async (family) => {
        if (network === undefined) throw new Error('its network is made before the tests');
        const { relay, observer } = await startRelayIn(network.relay.namespace);
        const { endpoints, of } = ADDRESSES[family];
        const { port } = await relay.open({
          name: 'default/echo',
          protocol: 'UDP',
          address: '127.0.0.1',
          port: 0,
          routing: {
            endpoints: endpoints.map((net) => endpoint(of(net, 2), ENDPOINT_PORT)),
            sessionAffinity: { type: 'None' },
          },
        });
        const client = await network.relay.dial({ address: '127.0.0.1', port });
        const ask = async (text: string): Promise<string> => (await client.ask(text)).outcome;
        // Until the neighbours have found each other.
        await expect.poll(() => ask('hello'), SOON).toMatch(/ heard hello$/);
        const served = (await ask('who?')).slice(0, 1);

        expect(await ask(TOO_LONG)).toBe('no answer');
        for (const text of ['1', '2', '3', '4', '5']) expect(await ask(text)).toBe(`${served} heard ${text}`);
        expect(await ask(TOO_LONG)).toBe(`${served} heard ${TOO_LONG}`);
        expect((await relay.counters()).get('default/echo')).toMatchObject({
          udpSessions: 1,
          totalUdpSessions: 1,
          dialFailures: 0,
          droppedDatagrams: 1,
        });
        expect(observer.failures).toEqual([]);
      },
    );
  },
);
