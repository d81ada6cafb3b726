import { describe, expect, it } from 'vitest';
import { ephemeralPorts, parseEphemeralPorts } from '../../src/host/ephemeral-ports.js';

describe('the ephemeral ports', () => {
  it('are every second one of the range, of the parity that connections are not given first', () => {
    expect(parseEphemeralPorts('32768\t32775\n', '\n')).toEqual([32769, 32771, 32773, 32775]);
    expect(parseEphemeralPorts('1025 1030', '')).toEqual([1026, 1028, 1030]);
  });

  it('leave out what is reserved', () => {
    expect(parseEphemeralPorts('100 111', '80,101-104,109,200-300\n')).toEqual([105, 107, 111]);
  });

  it('are none of a range that cannot be read', () => {
    expect(parseEphemeralPorts('', '')).toEqual([]);
    expect(
      ephemeralPorts(() => {
        throw new Error('ENOENT');
      }),
    ).toEqual([]);
  });

  it('are read from the kernel where it tells them', () => {
    const files = new Map([
      ['/proc/sys/net/ipv4/ip_local_port_range', '40000\t40003\n'],
      ['/proc/sys/net/ipv4/ip_local_reserved_ports', '40001\n'],
    ]);
    expect(ephemeralPorts((path) => files.get(path) ?? '')).toEqual([40003]);
  });
});
