import { describe, expect, it } from 'vitest';
import { healthCheckAddresses } from '../../src/status/health-check-addresses.js';

const LOCAL = ['127.0.0.1', '192.168.1.5', '10.0.0.5', '::1', 'fd00::5'];

function chosen(...cidrs: readonly string[]) {
  return healthCheckAddresses(cidrs, () => LOCAL).map(({ address, ipv6Only }) =>
    address === '::' && !ipv6Only ? ':: and 0.0.0.0' : address,
  );
}

describe('the addresses of health checks', () => {
  it('are all of the node, as one socket, where no CIDR is given', () => {
    expect(chosen()).toEqual([':: and 0.0.0.0']);
    expect(chosen('0.0.0.0/0', '::/0')).toEqual([':: and 0.0.0.0']);
  });

  it('are those that are in a CIDR', () => {
    expect(chosen('192.168.0.0/16')).toEqual(['192.168.1.5']);
    expect(chosen('10.0.0.5/32', '127.0.0.0/8', 'fd00::/64')).toEqual(['127.0.0.1', '10.0.0.5', 'fd00::5']);
  });

  it('are each there once, in however many CIDRs', () => {
    expect(chosen('10.0.0.0/8', '10.0.0.0/24')).toEqual(['10.0.0.5']);
  });

  it('are all of one family, as one socket, where its CIDR says so', () => {
    expect(chosen('0.0.0.0/0')).toEqual(['0.0.0.0']);
    expect(chosen('0.0.0.0/0', 'fd00::/64', '10.0.0.0/8')).toEqual(['0.0.0.0', 'fd00::5']);
    expect(chosen('::/0', '10.0.0.0/8')).toEqual(['::', '10.0.0.5']);
  });

  it('are none where the node has none of that kind', () => {
    expect(chosen('172.16.0.0/12')).toEqual([]);
  });
});
