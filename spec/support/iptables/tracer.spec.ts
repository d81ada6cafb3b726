import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeIptables } from './fake-iptables.js';
import { NODE } from './node-topology.js';
import { followPacket, type Outcome, type Packet, tracePacket } from './tracer.js';

const RECORDED = resolve(import.meta.dirname, '../../fixtures/kube-proxy-1.25/userspace.rules');

let fake: FakeIptables;

beforeEach(() => {
  fake = new FakeIptables();
});

async function load(...lines: readonly string[]): Promise<void> {
  await fake.somebody('iptables-restore --noflush', `${lines.join('\n')}\n`);
}

function trace(packet: Packet, node: Parameters<typeof tracePacket>[2] = NODE): Outcome {
  return tracePacket(fake.ruleset('IPv4'), packet, node);
}

describe('the way of a packet', () => {
  it('ends at the node, or leaves it, where there are no rules', () => {
    const toNode = { protocol: 'tcp', destination: '172.30.0.1', port: 22 } as const;
    const delivered = { outcome: 'delivered', address: '172.30.0.1', port: 22 };
    expect(trace({ from: 'outside', ...toNode })).toEqual({ ...delivered, source: '172.30.0.77' });
    expect(trace({ from: 'host', ...toNode })).toEqual({ ...delivered, source: '172.30.0.1' });
    const away = { protocol: 'udp', destination: '8.8.8.8', port: 53 } as const;
    const forwarded = { outcome: 'forwarded', address: '8.8.8.8', port: 53 };
    expect(trace({ from: 'pod', ...away })).toEqual({ ...forwarded, source: '10.244.1.5' });
    expect(trace({ from: 'host', ...away })).toEqual({ ...forwarded, source: '172.30.0.1' });
  });

  it('goes through kube-proxy’s recorded rules', async () => {
    await fake.somebody('iptables-restore', readFileSync(RECORDED, 'utf8'));
    const dns = { protocol: 'udp', destination: '10.96.0.10', port: 53 } as const;
    expect(trace({ from: 'pod', ...dns })).toMatchObject({ address: '10.244.1.1', port: 40_020 });
    expect(trace({ from: 'host', ...dns })).toMatchObject({ address: '172.30.0.1', port: 40_020 });
    expect(trace({ from: 'outside', ...dns })).toMatchObject({ address: '172.30.0.1', port: 40_020 });
    expect(trace({ from: 'pod', ...dns, port: 54 })).toMatchObject({ outcome: 'forwarded' });
    expect(trace({ from: 'pod', ...dns, state: 'ESTABLISHED' })).toMatchObject({ outcome: 'forwarded' });
    const nodePort = { protocol: 'tcp', destination: '172.30.0.1', port: 30_080 } as const;
    expect(trace({ from: 'outside', ...nodePort })).toMatchObject({ port: 40_066, source: '172.30.0.77' });
    expect(trace({ from: 'host', ...nodePort, destination: '127.0.0.1' })).toMatchObject({ port: 40_066 });
    // External IPs: from pods only where the address is the node's.
    const external = { protocol: 'tcp', destination: '172.30.0.100', port: 80 } as const;
    expect(trace({ from: 'outside', ...external })).toMatchObject({ outcome: 'delivered', port: 40_066 });
    expect(trace({ from: 'pod', ...external })).toMatchObject({ outcome: 'forwarded' });
  });

  it('goes to loopback by REDIRECT where it begins on the node', async () => {
    await load('*nat', '-A OUTPUT -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080', 'COMMIT');
    const packet = { from: 'host', protocol: 'tcp', destination: '10.96.0.1', port: 80 } as const;
    expect(trace(packet)).toEqual({
      outcome: 'delivered',
      address: '127.0.0.1',
      port: 8080,
      source: '172.30.0.1',
    });
  });

  it('ends where it goes from elsewhere to loopback, unless the kernel is told otherwise', async () => {
    await load('*nat', '-A PREROUTING -p tcp -j DNAT --to-destination 127.0.0.1:8080', 'COMMIT');
    const packet = { from: 'pod', protocol: 'tcp', destination: '10.96.0.1', port: 80 } as const;
    expect(trace(packet)).toEqual({ outcome: 'dropped' });
    expect(trace(packet, { ...NODE, routeLocalnet: true })).toMatchObject({ outcome: 'delivered' });
  });

  it('is known as DNAT once it was given another destination', async () => {
    await load(
      '*nat',
      '-A PREROUTING -d 10.96.0.1 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 40001',
      'COMMIT',
      '*filter',
      '-A INPUT ! -i lo -p tcp -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -m multiport --dports 40001 -j REJECT --reject-with tcp-reset',
      'COMMIT',
    );
    const steered = { protocol: 'tcp', destination: '10.96.0.1', port: 80 } as const;
    const straight = { protocol: 'tcp', destination: '172.30.0.1', port: 40_001 } as const;
    expect(trace({ from: 'outside', ...steered })).toMatchObject({ outcome: 'delivered' });
    expect(trace({ from: 'outside', ...straight })).toEqual({ outcome: 'rejected', with: 'tcp-reset' });
    expect(trace({ from: 'pod', ...straight })).toEqual({ outcome: 'rejected', with: 'tcp-reset' });
    expect(trace({ from: 'host', ...straight })).toMatchObject({ outcome: 'delivered' });
    expect(trace({ from: 'outside', ...straight, state: 'ESTABLISHED' })).toMatchObject({
      outcome: 'delivered',
    });
  });

  it('comes back from a chain, but not from one it went to', async () => {
    await load(
      '*filter',
      ':A - [0:0]',
      ':B - [0:0]',
      '-A INPUT -s 172.30.0.0/24 -j A',
      '-A INPUT -s 10.0.0.0/8 -g A',
      '-A INPUT -j DROP',
      '-A A -p udp -j RETURN',
      '-A A -j B',
      '-A A -p tcp -m tcp --dport 1:100 -j ACCEPT',
      '-A B -m addrtype ! --dst-type LOCAL -j REJECT',
      'COMMIT',
    );
    const packet = { protocol: 'tcp', destination: '172.30.0.1', port: 80 } as const;
    expect(trace({ from: 'outside', ...packet })).toMatchObject({ outcome: 'delivered' });
    expect(trace({ from: 'outside', ...packet, port: 101 })).toEqual({ outcome: 'dropped' });
    expect(trace({ from: 'outside', ...packet, protocol: 'udp' })).toEqual({ outcome: 'dropped' });
    expect(trace({ from: 'pod', ...packet, protocol: 'udp' })).toMatchObject({ outcome: 'delivered' });
  });

  it('obeys the policy where no rule decides, and marks', async () => {
    await load('*filter', ':FORWARD DROP [0:0]', '-A FORWARD -m mark --mark 0x10/0x10 -j ACCEPT', 'COMMIT');
    const packet = { from: 'pod', protocol: 'tcp', destination: '8.8.8.8', port: 80 } as const;
    expect(trace(packet)).toEqual({ outcome: 'dropped' });
    await load('*mangle', '-A PREROUTING -i cni+ -j MARK --set-xmark 0x10/0x10', 'COMMIT');
    expect(trace(packet)).toMatchObject({ outcome: 'forwarded' });
  });

  it('tells each rule that it met', async () => {
    await load(
      '*filter',
      ':A - [0:0]',
      '-A INPUT -p tcp -j A',
      '-A A -p udp -j DROP',
      '-A A -j ACCEPT',
      'COMMIT',
    );
    const packet = { from: 'outside', protocol: 'tcp', destination: '172.30.0.1', port: 80 } as const;
    const { path } = followPacket(fake.ruleset('IPv4'), packet, NODE);
    expect(path.map(({ table, chain, rule }) => `${table} ${chain} ${rule.text}`)).toEqual([
      'filter INPUT -p tcp -j A',
      'filter A -j ACCEPT',
    ]);
  });
});
