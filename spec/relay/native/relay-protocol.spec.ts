import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import type { PortalRouting } from '../../../src/relay/engine.js';
import { parseCounters } from '../../../src/relay/native/relay-counters.js';
import { parseBond, parseProcess } from '../../../src/relay/native/relay-process-figures.js';
import * as protocol from '../../../src/relay/native/relay-protocol.js';
import { parseEvent, parsePortalAddress, parsePortals } from '../../../src/relay/native/relay-replies.js';
import { NO_TRAFFIC } from '../../../src/relay/no-traffic.js';

const MALFORMED = expect.objectContaining({ code: 'RELAY_MALFORMED' });
const FOUR = endpoint('10.0.0.4', 8080);
const SIX = endpoint('fd00::6', 8080);
const IDLE =
  'active=1 total=2 in=3 out=4 dial-failures=5 no-endpoints=6 refused-for-files=7 udp-sessions=8 udp-total=9 udp-evicted=10 dropped=11';

describe('a request to the relay', () => {
  it('has a line for each endpoint, and marks those that lead back', () => {
    const routing: PortalRouting = {
      endpoints: [FOUR, SIX, FOUR],
      sessionAffinity: { type: 'ClientIP', timeoutSeconds: 10_800 },
      leadsBack: new Set([SIX.key]),
    };
    const request = {
      name: 'default/web:http',
      protocol: 'TCP',
      address: '0.0.0.0',
      port: 30_001,
      routing,
    } as const;
    const endpoints = ['endpoint 10.0.0.4:8080', 'endpoint [fd00::6]:8080 leads-back'];
    expect(protocol.portal(request)).toEqual([
      'portal default/web:http tcp 0.0.0.0 30001 affinity=10800 endpoints=2',
      ...endpoints,
    ]);
    expect(protocol.route('default/web:http', { ...routing, sessionAffinity: { type: 'None' } })).toEqual([
      'route default/web:http affinity=none endpoints=2',
      ...endpoints,
    ]);
  });

  it.each([
    [0, 1],
    [10.4, 10],
    [1e9, 86_400],
  ])('holds an affinity of %s s to %s', (timeoutSeconds, held) => {
    const [line] = protocol.route('a/b', {
      endpoints: [],
      sessionAffinity: { type: 'ClientIP', timeoutSeconds },
    });
    expect(line).toBe(`route a/b affinity=${held} endpoints=0`);
  });

  it('has no more endpoints than the protocol allows', () => {
    const endpoints = Array.from({ length: 65_600 }, (_, index) =>
      endpoint(`10.1.${index >> 8}.${index & 255}`, 80),
    );
    const lines = protocol.route('a/b', { endpoints, sessionAffinity: { type: 'None' } });
    expect(lines[0]).toBe('route a/b affinity=none endpoints=65536');
    expect(lines).toHaveLength(65_537);
  });

  it('holds times and numbers to what the relay takes', () => {
    expect(protocol.configure({ udpIdleMs: 0.5, udpSessions: 10 })).toEqual([
      'configure udp-idle-ms=1 udp-sessions=10',
    ]);
    expect(protocol.configure({ udpIdleMs: 1e12, udpSessions: 10, files: 5 })).toEqual([
      'configure udp-idle-ms=2147483647 udp-sessions=10 files=5',
    ]);
    expect(protocol.configureConnections(7)).toEqual(['configure connections=7']);
    expect(protocol.limit('a/b', 0)).toEqual(['limit a/b connections=0']);
    expect(protocol.configureHalfClosed(0)).toEqual(['configure half-closed-ms=0']);
    expect(protocol.configureHalfClosed(0.5)).toEqual(['configure half-closed-ms=1']);
    expect(protocol.configureHalfClosed(1e12)).toEqual(['configure half-closed-ms=2147483647']);
    expect(protocol.configureReplies(0)).toEqual(['configure udp-reply-ms=0']);
    expect(protocol.configureReplies(0.5)).toEqual(['configure udp-reply-ms=1']);
    expect(protocol.configureReplies(1e12)).toEqual(['configure udp-reply-ms=2147483647']);
    expect(protocol.shutdown(-1)).toEqual(['shutdown 0']);
    expect(protocol.shutdown(1.2)).toEqual(['shutdown 2']);
  });

  it('can name what Kubernetes names, and nothing that would end a word or a line', () => {
    expect(protocol.canBeNamed('default/web:http')).toBe(true);
    for (const name of ['a/b c', 'a/b\n', 'a/ü', `a/${'b'.repeat(511)}`] as const) {
      expect(protocol.canBeNamed(name)).toBe(false);
    }
  });
});

describe('what the relay says', () => {
  it('begins with a greeting', () => {
    const greeting = 'kube-splice-relay 1 pid=4711 threads=2 files=19936 uid=65534 seccomp=on';
    expect(protocol.parseGreeting(greeting)).toEqual({
      pid: 4711,
      threads: 2,
      files: 19_936,
      uid: 65_534,
      seccomp: true,
    });
    expect(() => protocol.parseGreeting(greeting.replace('relay 1', 'relay 2'))).toThrow('version 2');
    for (const other of ['', 'HTTP/1.1 400 Bad Request', `${greeting} `, greeting.replace('pid=', 'pid=x')]) {
      expect(() => protocol.parseGreeting(other)).toThrow(MALFORMED);
    }
  });

  it('tells of failures', () => {
    const line = 'failure a/b:c tcp [::1]:5000 10.0.0.4:8080 dial-refused ECONNREFUSED retried';
    expect(parseEvent(line)).toEqual({
      kind: 'failure',
      failure: {
        name: 'a/b:c',
        protocol: 'TCP',
        client: { address: '::1', port: 5000 },
        endpoint: FOUR,
        reason: 'dial-refused',
        detail: 'ECONNREFUSED',
        final: false,
      },
    });
    expect(parseEvent('failure a/b udp 127.0.0.1:5000 - no-endpoints - final')).toEqual({
      kind: 'failure',
      failure: {
        name: 'a/b',
        protocol: 'UDP',
        client: { address: '127.0.0.1', port: 5000 },
        reason: 'no-endpoints',
        final: true,
      },
    });
    expect(parseEvent('files-exhausted 256')).toEqual({ kind: 'files-exhausted', limit: 256 });
    expect(parseEvent('files-available')).toEqual({ kind: 'files-available' });
    expect(parseEvent('lost 3')).toEqual({ kind: 'lost', events: 3 });
  });

  it.each([
    'failure a/b tcp 127.0.0.1:5000 - no-endpoints - maybe',
    'failure a/b tcp 127.0.0.1:5000 - toString - final',
    'failure a/b tcp 127.0.0.1:5000 - no-endpoints final',
    'failure  tcp 127.0.0.1:5000 - no-endpoints - final',
    'failure a/b tcp 127.0.0.1:99999 - no-endpoints - final',
    'files-exhausted many',
    'files-available 1',
    'something',
    '',
  ])('is refused where it is %j', (line) => {
    expect(() => parseEvent(line)).toThrow(MALFORMED);
  });

  it('has names of whatever kind, and addresses in whatever spelling', () => {
    expect([...parsePortals(['portal test tcp 127.0.0.1 53']).keys()]).toEqual(['test']);
    const lines = [`portal test ${IDLE}`, 'endpoint [FD00:0::6]:8080 1 9'];
    const [counted] = parseCounters(lines);
    expect([counted?.[0], [...(counted?.[1].endpoints.keys() ?? [])]]).toEqual(['test', [SIX.key]]);
    const event = parseEvent('failure test tcp [::FFFF:127.0.0.1]:5 [FD00::6]:8080 dial-refused - final');
    expect(event).toMatchObject({
      failure: { name: 'test', client: { address: '127.0.0.1' }, endpoint: SIX },
    });
  });

  it('lists portals and addresses', () => {
    expect(parsePortalAddress('0.0.0.0 30001')).toEqual({ address: '0.0.0.0', port: 30_001 });
    expect(parsePortals(['portal a/b udp :: 53'])).toEqual(
      new Map([['a/b', { protocol: 'UDP', address: '::', port: 53 }]]),
    );
    for (const line of ['portal a/b', 'portal a/b sctp :: 53', 'portal a/b tcp x 53', 'name a/b tcp :: 53']) {
      expect(() => parsePortals([line])).toThrow(MALFORMED);
    }
  });

  it('has counters, of each endpoint too', () => {
    const [counters] = parseCounters([`portal a/b ${IDLE}`, 'endpoint [fd00::6]:8080 1 9']).values();
    expect(counters).toEqual({
      ...NO_TRAFFIC,
      activeConnections: 1,
      totalConnections: 2,
      bytesIn: 3,
      bytesOut: 4,
      dialFailures: 5,
      noEndpoints: 6,
      refusedForFiles: 7,
      udpSessions: 8,
      totalUdpSessions: 9,
      evictedUdpSessions: 10,
      droppedDatagrams: 11,
      endpoints: new Map([[SIX.key, { connections: 1, totalConnections: 9 }]]),
    });
    const [later] = parseCounters([`portal a/b ${IDLE} half-closed=12 waited-for-place=13`]).values();
    expect(later).toMatchObject({ droppedDatagrams: 11, halfClosedTimeouts: 12, waitedForPlace: 13 });
    const words = 'datagrams-in=14 datagrams-out=15 affinity=16 failed-dial-refused=17 dropped-too-long=18';
    const [all] = parseCounters([
      `portal a/b ${IDLE} ${words} dials=1,2,3,4,5,6,7,8,9,10,11,12,13,14 dial-us=1500`,
    ]).values();
    expect(all).toMatchObject({
      datagramsIn: 14,
      datagramsOut: 15,
      affinityEntries: 16,
      failures: { 'dial-refused': 17 },
      droppedByReason: { 'too-long': 18 },
      dialTimes: { counts: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], sumMs: 1.5 },
    });
    const [newer] = parseCounters([`portal a/b ${IDLE} failed-of-boredom=1 dropped-it=2 more=3`]).values();
    expect(newer).toEqual({ ...counters, endpoints: new Map() });
    const [aside] = parseCounters([`portal a/b ${IDLE}`, 'endpoint [fd00::6]:8080 0 0 aside=750']).values();
    expect(aside?.endpoints).toEqual(
      new Map([[SIX.key, { connections: 0, totalConnections: 0, setAsideMs: 750 }]]),
    );
    for (const word of ['aside', 'aside=', 'aside=-1', 'aside=1=2', 'beside=1', 'aside=1 more'])
      expect(() => parseCounters([`portal a/b ${IDLE}`, `endpoint 10.0.0.4:80 0 0 ${word}`])).toThrow(
        MALFORMED,
      );
    const bad = [
      `portal a/b ${IDLE} more`,
      `portal a/b ${IDLE} more=1=2`,
      `portal a/b ${IDLE} datagrams-in=x`,
      `portal a/b ${IDLE} failed-dial-refused=`,
      `portal a/b ${IDLE} dials=1,2`,
      `portal a/b ${IDLE} dials=1,,0,0,0,0,0,0,0,0,0,0,0,0`,
      `portal a/b ${IDLE} half-closed=`,
      `portal a/b ${IDLE.replace('dropped=11', 'half-closed=11')}`,
      `portal a/b ${IDLE.replace(' dropped=11', '')}`,
      `portal a/b ${IDLE.replace('in', 'on')}`,
      'endpoint 10.0.0.4:8080 1 2',
    ];
    for (const line of bad) expect(() => parseCounters([line])).toThrow(MALFORMED);
  });

  it('has figures of its process, and may have more', () => {
    const text =
      'pid=7 version=1 cpu-us=1500000 resident-bytes=4096 open-files=3 open-file-limit=900 threads=3 started-ms=1700000000000';
    const figures = {
      pid: 7,
      version: '1',
      cpuSeconds: 1.5,
      residentBytes: 4_096,
      openFiles: 3,
      openFileLimit: 900,
      threads: 3,
      startedAt: 1_700_000_000_000,
    };
    expect(parseProcess(text)).toEqual(figures);
    expect(parseProcess(`more=x ${text}`)).toEqual(figures);
    expect(parseProcess(text.replace(' version=1', ''))).toEqual({ ...figures, version: null });
    for (const bad of [
      '',
      text.replace('pid=7', 'pid=x'),
      text.replace('pid=7 ', ''),
      `${text} pid=8`,
      `${text} x`,
    ])
      expect(() => parseProcess(bad)).toThrow(MALFORMED);
  });

  it('has the bond of a client, or none', () => {
    expect(parseBond('')).toBeNull();
    expect(parseBond('[fd00::6]:8080 1500')).toEqual({ endpoint: SIX.key, remainingMs: 1_500 });
    for (const bad of ['10.0.0.4:80', '10.0.0.4 1', '10.0.0.4:80 -1', '10.0.0.4:80 1 2'])
      expect(() => parseBond(bad)).toThrow(MALFORMED);
  });

  it('is understood or refused, whatever it is', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'failure',
        'portal',
        'endpoint',
        'a/b',
        'tcp',
        '-',
        'final',
        '127.0.0.1:1',
        '0',
        'lost',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const line = words.join(' ');
        for (const parse of [
          parseEvent,
          parsePortalAddress,
          protocol.parseGreeting,
          parseProcess,
          parseBond,
          (text: string) => parseCounters([text]),
        ]) {
          try {
            parse(line);
          } catch (error) {
            expect(error).toEqual(MALFORMED);
          }
        }
      }),
    );
  });
});
