import { describe, expect, it } from 'vitest';
import { readConntrackDump } from '../../../src/steering/flows/conntrack-dump.js';

const TRANSLATED =
  'udp      17 27 src=10.1.0.2 dst=10.96.0.10 sport=52364 dport=53 [UNREPLIED] src=172.30.0.1 dst=10.1.0.2 sport=40001 dport=52364 mark=0 use=1';
const FROM_AND_TO = {
  family: 'IPv4',
  sentTo: { address: '10.96.0.10', port: 53 },
  goesTo: { address: '172.30.0.1', port: 40_001 },
  isZoned: false,
  flows: 1,
};

describe('what conntrack prints of a UDP flow', () => {
  it('tells where it was sent and where it goes', async () => {
    expect(await readConntrackDump(`${TRANSLATED}\n`, 'IPv4')).toEqual([FROM_AND_TO]);
  });

  it.each([
    [
      'of one that is answered',
      'udp      17 119 src=10.1.0.2 dst=10.96.0.10 sport=5 dport=53 src=172.30.0.1 dst=10.1.0.2 sport=40001 dport=5 [ASSURED] mark=0 use=1',
    ],
    [
      'with counters',
      'udp      17 27 src=10.1.0.2 dst=10.96.0.10 sport=5 dport=53 packets=1 bytes=31 [UNREPLIED] src=172.30.0.1 dst=10.1.0.2 sport=40001 dport=5 packets=0 bytes=0 mark=0 use=1',
    ],
    [
      'with its family',
      'ipv4     2 udp      17 27 src=10.1.0.2 dst=10.96.0.10 sport=5 dport=53 [UNREPLIED] src=172.30.0.1 dst=10.1.0.2 sport=40001 dport=5 mark=0 secctx=null use=2',
    ],
    [
      'in the zone that all are in',
      'udp      17 27 src=10.1.0.2 dst=10.96.0.10 sport=5 dport=53 src=172.30.0.1 dst=10.1.0.2 sport=40001 dport=5 mark=0 zone=0 use=1',
    ],
  ])('is understood %s', async (_what, line) => {
    expect(await readConntrackDump(line, 'IPv4')).toEqual([FROM_AND_TO]);
  });

  it.each(['zone=5', 'zone-orig=12', 'zone-reply=1'])('tells of a zone apart: %s', async (zone) => {
    expect(await readConntrackDump(TRANSLATED.replace('use=1', `${zone} use=1`), 'IPv4')).toEqual([
      { ...FROM_AND_TO, isZoned: true },
    ]);
  });

  it('is in canonical text over IPv6', async () => {
    const line =
      'udp      17 29 src=fd00:1::2 dst=fd00:0096:0::10 sport=5 dport=53 src=fd00:30::1 dst=fd00:1::2 sport=40001 dport=5 mark=0 use=1';
    expect(await readConntrackDump(line, 'IPv6')).toEqual([
      {
        ...FROM_AND_TO,
        family: 'IPv6',
        sentTo: { address: 'fd00:96::10', port: 53 },
        goesTo: { address: 'fd00:30::1', port: 40_001 },
      },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['its last words', 'conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.'],
    ['another protocol', TRANSLATED.replace('udp      17', 'tcp      6')],
    ['half a line', TRANSLATED.slice(0, 90)],
    ['no address', TRANSLATED.replace('10.96.0.10', '10.96.0')],
    ['no port', TRANSLATED.replace('=40001', '=400010')],
  ])('is passed over where it is %s', async (_what, line) => {
    expect(await readConntrackDump(line, 'IPv4')).toEqual([]);
  });

  it('is counted, not kept, for each client: however many there are', async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) =>
      TRANSLATED.replaceAll('52364', String(10_000 + n)),
    );
    expect(await readConntrackDump(lines.join('\n'), 'IPv4')).toEqual([{ ...FROM_AND_TO, flows: 20_000 }]);
  });
});
