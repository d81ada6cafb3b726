import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type Interfaces, localAddresses, rememberedInterfaces } from '../../src/host/local-addresses.js';

function ipv4(address: string): NetworkInterfaceInfo {
  return { family: 'IPv4', address, netmask: '255.0.0.0', mac: '', internal: false, cidr: null };
}

function ipv6(address: string): NetworkInterfaceInfo {
  return { family: 'IPv6', address, netmask: 'ffff::', mac: '', internal: false, cidr: null, scopeid: 0 };
}

const HOST = {
  lo: [ipv4('127.0.0.1'), ipv6('::1')],
  eth0: [ipv4('192.0.2.1'), ipv4('192.0.2.2'), ipv6('2001:db8::1'), ipv6('fe80::1')],
  gone: undefined,
};

describe('the addresses to listen on', () => {
  it('are the bind address itself where it is one', () => {
    expect(localAddresses('192.0.2.1', HOST)).toEqual(['192.0.2.1']);
  });

  it('are every IPv4 address of the host for 0.0.0.0', () => {
    expect(localAddresses('0.0.0.0', HOST)).toEqual(['127.0.0.1', '192.0.2.1', '192.0.2.2']);
  });

  it('are every address of both families for ::, but link-local ones', () => {
    expect(localAddresses('::', HOST)).toEqual(['127.0.0.1', '::1', '192.0.2.1', '192.0.2.2', '2001:db8::1']);
  });

  it('name an address once that two interfaces share', () => {
    expect(localAddresses('0.0.0.0', { a: [ipv4('192.0.2.1')], b: [ipv4('192.0.2.1')] })).toEqual([
      '192.0.2.1',
    ]);
  });

  it('are the bind address where the host shows none: better than not to listen', () => {
    expect(localAddresses('0.0.0.0', {})).toEqual(['0.0.0.0']);
  });

  it('hold loopback on the host that runs this', () => {
    expect(localAddresses('0.0.0.0')).toContain('127.0.0.1');
  });
});

describe('the addresses of a host', () => {
  it('are what was told last where they can not be asked for', () => {
    const answers: (Interfaces | Error)[] = [HOST, new Error('no file descriptor left'), {}];
    const ask = rememberedInterfaces(() => {
      const answer = answers.shift() ?? {};
      if (answer instanceof Error) throw answer;
      return answer;
    });
    expect([ask(), ask(), ask()]).toEqual([HOST, HOST, {}]);
  });

  it('are not made up where none are known yet', () => {
    const ask = rememberedInterfaces(() => {
      throw new Error('no file descriptor left');
    });
    expect(ask).toThrow('no file descriptor left');
  });
});
