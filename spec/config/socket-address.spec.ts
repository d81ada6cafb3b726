import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIPAddress, parseSocketAddress } from '../../src/config/socket-address.js';
import { hostPort } from '../../src/model/endpoint.js';

describe('parseSocketAddress', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1', null],
    ['0.0.0.0:10256', '0.0.0.0', 10_256],
    ['::', '::', null],
    ['::1', '::1', null],
    ['[::1]', '::1', null],
    ['[::]:10256', '::', 10_256],
    ['FD00:0:0::1', 'fd00::1', null],
    ['[fd00:0::1]:0', 'fd00::1', 0],
    ['10.0.0.1:65535', '10.0.0.1', 65_535],
  ])('reads %s', (text, address, port) => {
    expect(parseSocketAddress(text)).toEqual({ ok: true, value: { address, port } });
  });

  it.each([
    '',
    'localhost',
    'localhost:80',
    '10.0.0.256',
    '010.0.0.1',
    '10.1',
    ':80',
    '[]:80',
    '[::1',
    '::1]',
    '[10.0.0.1]:80',
    ' ::1',
    'fe80::1%eth0',
    '10.0.0.0/8',
    '[::1]80',
    '1.2.3.4:80:90',
  ])('refuses %j as no address', (text) => {
    expect(parseSocketAddress(text)).toEqual({
      ok: false,
      problem: `${JSON.stringify(text)} is not an address; give one such as 127.0.0.1, 127.0.0.1:10249 or [::1]:10249`,
    });
  });

  it.each([
    '10.0.0.1:',
    '10.0.0.1:http',
    '10.0.0.1:65536',
    '10.0.0.1:-1',
    '[::1]:',
    '[::1]:x',
    '10.0.0.1: 80',
  ])('refuses the port of %j', (text) => {
    expect(parseSocketAddress(text)).toEqual({
      ok: false,
      problem: `${JSON.stringify(text)} has no port from 0 to 65535 behind its colon`,
    });
  });

  it('reads back every address and port as hostPort writes it', () => {
    const canonical = fc
      .oneof(fc.ipV4(), fc.ipV6())
      .map((text) => parseIPAddress(text))
      .filter((result) => result.ok);
    fc.assert(
      fc.property(canonical, fc.nat(65_535), (parsed, port) => {
        const address = parsed.value;
        expect(parseSocketAddress(hostPort(address, port))).toEqual({ ok: true, value: { address, port } });
      }),
    );
  });
});

describe('parseIPAddress', () => {
  it('gives the canonical text', () => {
    expect(parseIPAddress('FD00:0:0::1')).toEqual({ ok: true, value: 'fd00::1' });
    expect(parseIPAddress('10.0.0.1')).toEqual({ ok: true, value: '10.0.0.1' });
  });

  it.each(['', '10.0.0.1:80', '[::1]', 'node-1', '300.0.0.1'])('refuses %j', (text) => {
    expect(parseIPAddress(text)).toEqual({
      ok: false,
      problem: `${JSON.stringify(text)} is not an IP address; give one such as 10.0.0.1, 0.0.0.0 or ::`,
    });
  });
});
