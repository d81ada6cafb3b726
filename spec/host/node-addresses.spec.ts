import { spawnSync } from 'node:child_process';
import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Interfaces } from '../../src/host/local-addresses.js';
import { NodeAddresses } from '../../src/host/node-addresses.js';
import { programSearch } from '../../src/host/program-search.js';
import { type IPFamily, parseAddress } from '../../src/model/address.js';

function ipv4(address: string): NetworkInterfaceInfo {
  return { family: 'IPv4', address, netmask: '255.0.0.0', mac: '', internal: false, cidr: null };
}

function ipv6(address: string): NetworkInterfaceInfo {
  return { family: 'IPv6', address, netmask: 'ffff::', mac: '', internal: false, cidr: null, scopeid: 0 };
}

const HOST: Interfaces = {
  lo: [ipv4('127.0.0.1'), ipv6('::1')],
  docker0: [ipv4('172.17.0.1'), ipv6('fe80::1')],
  eth0: [ipv4('192.0.2.1'), ipv4('192.0.2.2'), ipv6('2001:DB8::1'), ipv6('fe80::2')],
  gone: undefined,
};

function onHost(known: readonly string[] = [], interfaces: Interfaces = HOST): NodeAddresses {
  return new NodeAddresses(
    () => known,
    () => interfaces,
  );
}

/** What the default routes leave from. */
function routes(sources: Partial<Record<IPFamily, string>>) {
  return (family: IPFamily) => Promise.resolve(sources[family] ?? null);
}

describe('the address of the node', () => {
  it('is the one that the cluster knows it by, in its order, whatever the routes are', async () => {
    const addresses = onHost(['198.51.100.1', '192.0.2.2', '192.0.2.1', '2001:db8::1']);
    await addresses.refresh(routes({ IPv4: '172.17.0.1' }));
    expect(addresses.nodeAddress('IPv4')).toBe('192.0.2.2');
    expect(addresses.nodeAddress('IPv6')).toBe('2001:db8::1');
  });

  it('is what the cluster knows by now: it may learn of it later', () => {
    const known: string[] = [];
    const addresses = onHost(known);
    expect(addresses.nodeAddress('IPv4')).toBe('172.17.0.1');
    known.push('192.0.2.1');
    expect(addresses.nodeAddress('IPv4')).toBe('192.0.2.1');
  });

  it('is else the one that the default route leaves from, if this host still has it', async () => {
    const addresses = onHost(['198.51.100.1']);
    await addresses.refresh(routes({ IPv4: '192.0.2.1', IPv6: '2001:db8::1' }));
    expect(addresses.nodeAddress('IPv4')).toBe('192.0.2.1');
    expect(addresses.nodeAddress('IPv6')).toBe('2001:db8::1');
    await addresses.refresh(routes({ IPv4: '203.0.113.1' }));
    expect(addresses.nodeAddress('IPv4')).toBe('172.17.0.1');
  });

  it('follows a route that changes or goes', async () => {
    const addresses = onHost();
    await addresses.refresh(routes({ IPv4: '192.0.2.1' }));
    await addresses.refresh(routes({ IPv4: '192.0.2.2' }));
    expect(addresses.nodeAddress('IPv4')).toBe('192.0.2.2');
    await addresses.refresh(routes({}));
    expect(addresses.nodeAddress('IPv4')).toBe('172.17.0.1');
  });

  it('is else the first that means something everywhere: neither loopback nor link-local', () => {
    const eth0 = [ipv4('169.254.1.1'), ipv4('192.0.2.1'), ipv6('fe80::1'), ipv6('fd00::1')];
    const addresses = onHost([], { lo: [ipv4('127.0.0.1'), ipv6('::1')], eth0 });
    expect(addresses.nodeAddress('IPv4')).toBe('192.0.2.1');
    expect(addresses.nodeAddress('IPv6')).toBe('fd00::1');
  });

  it('is null where there is loopback only', async () => {
    const addresses = onHost([], { lo: [ipv4('127.0.0.1'), ipv6('::1')] });
    await addresses.refresh(routes({}));
    expect([addresses.nodeAddress('IPv4'), addresses.nodeAddress('IPv6')]).toEqual([null, null]);
  });
});

describe('every address of the node', () => {
  it('is there in canonical text, loopback and link-local ones too, each once', () => {
    const addresses = onHost([], { ...HOST, eth1: [ipv4('192.0.2.1'), ipv6('2001:db8:0::1')] });
    expect(addresses.localAddresses('IPv4')).toEqual(['127.0.0.1', '172.17.0.1', '192.0.2.1', '192.0.2.2']);
    expect(addresses.localAddresses('IPv6')).toEqual(['::1', 'fe80::1', '2001:db8::1', 'fe80::2']);
  });

  it('tells whether there is IPv6 at all', async () => {
    const none = () => Promise.resolve(null);
    const [both, onlyIPv4] = [onHost(), onHost([], { lo: [ipv4('127.0.0.1')], gone: undefined })];
    await both.refresh(none);
    await onlyIPv4.refresh(none);
    expect([both.hasIPv6, onlyIPv4.hasIPv6]).toEqual([true, false]);
  });

  it('is that of the host that runs this', () => {
    expect(new NodeAddresses(() => []).localAddresses('IPv4')).toContain('127.0.0.1');
  });
});

const ip = programSearch(process.env.PATH)('ip');

/** The address that the kernel sends from, as `ip route get` tells; null where there is no route. */
function sourceByRoute(flag: '-4' | '-6', to: string): string | null {
  const { stdout } = spawnSync(ip ?? '', [flag, 'route', 'get', to], { encoding: 'utf8' });
  const source = / src (\S+)/.exec(stdout)?.[1];
  return source === undefined ? null : (parseAddress(source)?.address ?? null);
}

describe.skipIf(ip === null)(`a real default route${ip === null ? ' (SKIPPED: needs ip)' : ''}`, () => {
  it.each([
    ['IPv4', '-4', '192.0.2.1'],
    ['IPv6', '-6', '2001:db8::1'],
  ] as const)('of %s names the address of the node, and no packet is sent', async (family, flag, to) => {
    const addresses = new NodeAddresses(() => []);
    const first = addresses.nodeAddress(family);
    await addresses.refresh();
    expect(addresses.nodeAddress(family)).toBe(sourceByRoute(flag, to) ?? first);
  });
});

describe('the default routes', () => {
  it('are those that were told last where they can not be asked for', async () => {
    const addresses = onHost();
    await addresses.refresh(routes({ IPv4: '192.0.2.1', IPv6: '2001:db8::1' }));
    await addresses.refresh(async (family) => {
      if (family === 'IPv4') throw new Error('no file descriptor left');
      return null;
    });
    expect(addresses.nodeAddress('IPv4')).toBe('192.0.2.1');
    await addresses.refresh(routes({}));
    expect(addresses.nodeAddress('IPv4')).toBe('172.17.0.1');
  });
});
