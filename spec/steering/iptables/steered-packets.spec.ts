import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IptablesRules } from '../../../src/steering/iptables/iptables-rules.js';
import type { Redirect, SteeringPlace } from '../../../src/steering/steering.js';
import { FakeIptables, type FakeIptablesOptions } from '../../support/iptables/fake-iptables.js';
import { aPlace, aRedirect, steeringState } from '../../support/steering-values.js';

const PLACE: Partial<SteeringPlace> = {
  nodeAddress: (family) => (family === 'IPv4' ? '172.30.0.1' : 'fd00:172:30::1'),
  localAddresses: (family) =>
    family === 'IPv4'
      ? ['127.0.0.1', '172.30.0.1', '10.244.1.1']
      : ['::1', 'fd00:172:30::1', 'fd00:10:244:1::1'],
};

/** A host whose rules are those of these redirects. */
async function steeredHost(
  redirects: readonly Redirect[],
  { place = {}, ...options }: FakeIptablesOptions & { place?: Partial<SteeringPlace> } = {},
) {
  const host = new FakeIptables(options);
  const rules = new IptablesRules(
    { runner: host, find: host.find, readText: host.readText },
    aPlace({ ...PLACE, ...place }),
  );
  await rules.write(steeringState(...redirects), 'everything');
  return { host, rules };
}

const dns = aRedirect({
  servicePort: 'kube-system/kube-dns:dns',
  protocol: 'UDP',
  address: '10.96.0.10',
  port: 53,
  portal: { address: '0.0.0.0', port: 40_020 },
});
const web = aRedirect();

describe('a packet to a ClusterIP', () => {
  it('ends at the portal, wherever it comes from', async () => {
    const { host } = await steeredHost([dns, web]);
    const query = { protocol: 'udp', destination: '10.96.0.10', port: 53 } as const;
    expect(host.trace({ ...query, from: 'pod' })).toMatchObject({
      outcome: 'delivered',
      address: '10.244.1.1',
      port: 40_020,
      source: '10.244.1.5',
    });
    expect(host.trace({ ...query, from: 'outside' })).toMatchObject({
      outcome: 'delivered',
      address: '172.30.0.1',
      port: 40_020,
      source: '172.30.0.77',
    });
    expect(host.trace({ ...query, from: 'host' })).toMatchObject({
      outcome: 'delivered',
      address: '172.30.0.1',
      port: 40_020,
    });
  });

  it('of another port or protocol goes its own way', async () => {
    const { host } = await steeredHost([dns]);
    const other = { from: 'pod', destination: '10.96.0.10' } as const;
    expect(host.trace({ ...other, protocol: 'udp', port: 54 }).outcome).toBe('forwarded');
    expect(host.trace({ ...other, protocol: 'tcp', port: 53 }).outcome).toBe('forwarded');
  });

  it('is refused where nothing serves it', async () => {
    const { host } = await steeredHost([
      { ...web, verdict: 'reject' },
      { ...dns, verdict: 'reject' },
    ]);
    for (const from of ['pod', 'outside', 'host']) {
      expect(host.trace({ from, protocol: 'tcp', destination: '10.96.0.1', port: 80 })).toEqual({
        outcome: 'rejected',
        with: 'tcp-reset',
      });
      expect(host.trace({ from, protocol: 'udp', destination: '10.96.0.10', port: 53 })).toEqual({
        outcome: 'rejected',
        with: 'icmp-port-unreachable',
      });
    }
  });

  it('ends at the portal over IPv6', async () => {
    const { host } = await steeredHost([
      aRedirect({ address: 'fd00:10:96::1', portal: { address: '::', port: 40_001 } }),
    ]);
    const packet = { protocol: 'tcp', destination: 'fd00:10:96::1', port: 80 } as const;
    expect(host.trace({ ...packet, from: 'pod' })).toMatchObject({
      address: 'fd00:10:244:1::1',
      port: 40_001,
    });
    expect(host.trace({ ...packet, from: 'host' })).toMatchObject({
      address: 'fd00:172:30::1',
      port: 40_001,
    });
  });
});

describe('a packet to a NodePort', () => {
  const nodePort = aRedirect({ kind: 'NodePort', port: 30_080 });
  const packet = { protocol: 'tcp', port: 30_080 } as const;

  it('ends at the portal on every address of the node', async () => {
    const { host } = await steeredHost([nodePort]);
    for (const destination of ['172.30.0.1', '10.244.1.1']) {
      for (const from of ['pod', 'outside', 'host'])
        expect(host.trace({ ...packet, from, destination })).toMatchObject({
          outcome: 'delivered',
          port: 40_001,
        });
    }
    expect(host.trace({ ...packet, from: 'host', destination: '127.0.0.1' })).toMatchObject({ port: 40_001 });
    expect(host.trace({ ...packet, from: 'pod', destination: '192.0.2.1' }).outcome).toBe('forwarded');
  });

  it('is let in past a firewall that drops', async () => {
    const { host } = await steeredHost([nodePort]);
    await host.somebody('iptables -P INPUT DROP');
    expect(host.trace({ ...packet, from: 'outside', destination: '172.30.0.1' })).toMatchObject({
      outcome: 'delivered',
      port: 40_001,
    });
  });

  it.each([
    ['where the kernel tells which addresses are local', {}],
    ['where it does not', { programLacks: ['addrtype'] }],
  ] as const)('ends at the portal on --nodeport-addresses only, %s', async (_, options) => {
    const { host } = await steeredHost([nodePort], {
      ...options,
      place: { nodePortAddresses: ['172.30.0.0/24'] },
    });
    expect(host.trace({ ...packet, from: 'outside', destination: '172.30.0.1' })).toMatchObject({
      port: 40_001,
    });
    expect(host.trace({ ...packet, from: 'pod', destination: '10.244.1.1' })).toMatchObject({ port: 30_080 });
  });
});

describe('a packet to the address of a load balancer', () => {
  const limited = aRedirect({
    kind: 'LoadBalancer',
    address: '198.51.100.7',
    sourceRanges: ['172.30.0.64/28', '10.244.1.0/24'],
  });
  const packet = { protocol: 'tcp', destination: '198.51.100.7', port: 80 } as const;

  it('is steered from its source ranges, and dropped from elsewhere', async () => {
    const { host } = await steeredHost([limited]);
    expect(host.trace({ ...packet, from: 'outside' })).toMatchObject({ port: 40_001, source: '172.30.0.77' });
    expect(host.trace({ ...packet, from: 'pod' })).toMatchObject({ port: 40_001 });
    expect(host.trace({ ...packet, from: 'host' })).toMatchObject({ port: 40_001 });
    expect(host.trace({ ...packet, from: 'outside', source: '172.30.0.9' })).toEqual({ outcome: 'dropped' });
  });
});

describe('a packet that is sent straight to a portal', () => {
  const packet = { protocol: 'tcp', destination: '172.30.0.1', port: 40_001 } as const;

  it('is refused and counted from off the node, and served from the node', async () => {
    const { host, rules } = await steeredHost([web, dns]);
    const refused = { outcome: 'rejected', with: 'tcp-reset' };
    expect(host.send({ ...packet, from: 'outside' })).toEqual(refused);
    expect(host.send({ ...packet, from: 'pod' })).toEqual(refused);
    expect(host.send({ ...packet, from: 'outside', protocol: 'udp', port: 40_020 })).toEqual({
      outcome: 'dropped',
    });
    expect(host.trace({ ...packet, from: 'host' })).toMatchObject({ outcome: 'delivered', port: 40_001 });
    expect(await rules.refused()).toEqual({ connections: 2, datagrams: 1 });
  });

  it('is let in where it belongs to a connection that was steered', async () => {
    const { host } = await steeredHost([web]);
    const later = { ...packet, from: 'outside', state: 'ESTABLISHED', wasSteered: true } as const;
    expect(host.trace(later)).toMatchObject({ outcome: 'delivered', port: 40_001 });
  });

  it.each([
    ['multiport', { programLacks: ['multiport'] }, 'rejected'],
    ['REJECT', { programLacks: ['REJECT'] }, 'dropped'],
    ['conntrack', { programLacks: ['conntrack'] }, 'delivered'],
  ] as const)('without %s is: %s', async (_, options, outcome) => {
    const { host } = await steeredHost([web], options);
    expect(host.trace({ ...packet, from: 'outside' }).outcome).toBe(outcome);
  });
});

describe('packets to the objects that a real kube-proxy was given', () => {
  const RULES = resolve(import.meta.dirname, '../../fixtures/kube-proxy-1.25/userspace.rules');

  it('end where they end with its own rules, but where it lets in what it should not', async () => {
    const theirs = new FakeIptables();
    await theirs.somebody('iptables-restore', await readFile(RULES, 'utf8'));
    const portal = (port: number) => ({ portal: { address: '0.0.0.0', port } });
    const { host: ours } = await steeredHost([
      { ...dns, ...portal(40_020) },
      aRedirect({
        servicePort: 'default/whoami:http',
        address: '10.96.10.28',
        port: 3000,
        ...portal(40_094),
      }),
      aRedirect({ servicePort: 'default/whoami:http', kind: 'NodePort', port: 31_647, ...portal(40_094) }),
      aRedirect({ address: '10.96.20.1', ...portal(40_066) }),
      aRedirect({ kind: 'NodePort', port: 30_080, ...portal(40_066) }),
      aRedirect({ kind: 'ExternalIP', address: '172.30.0.100', ...portal(40_066) }),
    ]);
    const ways = [
      ['udp', '10.96.0.10', 53],
      ['tcp', '10.96.10.28', 3000],
      ['tcp', '10.96.20.1', 80],
      ['tcp', '172.30.0.1', 30_080],
      ['tcp', '172.30.0.1', 31_647],
      ['tcp', '10.244.1.1', 31_647],
      ['tcp', '10.96.20.1', 81],
    ] as const;
    for (const [protocol, destination, port] of ways) {
      for (const from of ['pod', 'outside', 'host']) {
        const packet = { from, protocol, destination, port };
        expect([packet, ours.trace(packet)]).toEqual([packet, theirs.trace(packet)]);
      }
    }
    const toExternalIP = { protocol: 'tcp', destination: '172.30.0.100', port: 80 } as const;
    for (const from of ['pod', 'outside', 'host'])
      expect(ours.trace({ ...toExternalIP, from })).toMatchObject({ port: 40_066 });
    expect(theirs.trace({ ...toExternalIP, from: 'pod' }).outcome).toBe('forwarded');
    const straight = { from: 'outside', protocol: 'tcp', destination: '172.30.0.1', port: 40_066 } as const;
    expect(theirs.trace(straight).outcome).toBe('delivered');
    expect(ours.trace(straight).outcome).toBe('rejected');
  });
});
