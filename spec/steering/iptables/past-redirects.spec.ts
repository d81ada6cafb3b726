import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pastRedirects } from '../../../src/steering/iptables/past-redirects.js';
import { parseSavedRules } from '../../../src/steering/iptables/saved-rules.js';

const RULES = resolve(import.meta.dirname, '../../fixtures/kube-proxy-1.25/userspace.rules');

describe('where rules of an earlier run send traffic', () => {
  it('is read from those of a kube-proxy, too', async () => {
    const nat = parseSavedRules(await readFile(RULES, 'utf8')).get('nat');
    expect(pastRedirects(nat)).toEqual([
      { protocol: 'UDP', address: '10.96.0.10', port: 53, portalPort: 40_020 },
      { protocol: 'TCP', address: '10.96.0.10', port: 53, portalPort: 40_048 },
      { protocol: 'TCP', address: '10.96.20.1', port: 80, portalPort: 40_066 },
      { protocol: 'TCP', address: '172.30.0.100', port: 80, portalPort: 40_066 },
      { protocol: 'TCP', address: '172.30.0.200', port: 80, portalPort: 40_066 },
      { protocol: 'TCP', address: '10.96.10.28', port: 3000, portalPort: 40_094 },
      { protocol: 'TCP', address: '10.96.20.9', port: 80, portalPort: 40_033 },
      { protocol: 'TCP', address: '10.96.0.1', port: 443, portalPort: 40_057 },
      { protocol: 'TCP', address: null, port: 30_080, portalPort: 40_066 },
      { protocol: 'TCP', address: null, port: 31_647, portalPort: 40_094 },
    ]);
  });

  it('leaves out what is for some sources only, and what steers nothing', () => {
    const match = '-d 10.96.0.1/32 -p tcp -m tcp --dport 80';
    const nat = new Map([
      [
        'KUBE-PORTALS-CONTAINER',
        [
          `-A KUBE-PORTALS-CONTAINER -s 10.244.0.0/16 ${match} -j REDIRECT --to-ports 40001`,
          `-A KUBE-PORTALS-CONTAINER ! -s 10.244.0.0/16 ${match} -j REDIRECT --to-ports 40002`,
          '-A KUBE-PORTALS-CONTAINER -j RETURN',
        ],
      ],
      [
        'KUBE-PORTALS-HOST',
        [
          `-A KUBE-PORTALS-HOST -d fd00::1/128 -p udp -m udp --dport 53 -j DNAT --to-destination [fd00:30::1]:40003`,
        ],
      ],
    ]);
    expect(pastRedirects(nat)).toEqual([
      { protocol: 'TCP', address: '10.96.0.1', port: 80, portalPort: 40_002 },
      { protocol: 'UDP', address: 'fd00::1', port: 53, portalPort: 40_003 },
    ]);
    expect(pastRedirects(undefined)).toEqual([]);
  });
});
