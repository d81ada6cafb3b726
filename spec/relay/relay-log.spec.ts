import { describe, expect, it } from 'vitest';
import { RateLimitedLog } from '../../src/host/rate-limited-log.js';
import { endpoint } from '../../src/model/endpoint.js';
import type { RelayFailure } from '../../src/relay/engine.js';
import { relayLog } from '../../src/relay/relay-log.js';
import { RecordingLogger } from '../support/recording-logger.js';

const refused: RelayFailure = {
  name: 'default/whoami:http',
  protocol: 'TCP',
  client: { address: '10.0.0.7', port: 50_000 },
  endpoint: endpoint('10.1.0.1', 3000),
  reason: 'dial-refused',
  detail: 'ECONNREFUSED',
  final: true,
};

function start() {
  const log = new RecordingLogger();
  let time = 0;
  const limited = new RateLimitedLog(log, { burst: 2, intervalMs: 1_000, maxKeys: 10, now: () => time });
  const pass = (ms: number): void => {
    time += ms;
  };
  return { log, observer: relayLog(log, limited), pass };
}

describe('the log of a relay', () => {
  it('says which service port, which client, which endpoint and why a connection failed', () => {
    const { log, observer } = start();
    observer.failure(refused);
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'connection failed: the endpoint refused the connection',
        fields: {
          servicePort: 'default/whoami:http',
          protocol: 'TCP',
          client: '10.0.0.7:50000',
          endpoint: '10.1.0.1:3000',
          detail: 'ECONNREFUSED',
        },
      },
    ]);
  });

  it('says so once in a while, with the number of those it left out', () => {
    const { log, observer, pass } = start();
    for (let n = 0; n < 100; n += 1) observer.failure(refused);
    expect(log.lines).toHaveLength(2);
    pass(1_000);
    observer.failure(refused);
    expect(log.lines.at(-1)?.fields.more).toBe(98);
  });

  it('does not let one service port, or one reason, hide another', () => {
    const { log, observer } = start();
    for (let n = 0; n < 100; n += 1) observer.failure(refused);
    observer.failure({ ...refused, name: 'default/api' });
    observer.failure({ ...refused, reason: 'dial-timeout' });
    expect(log.lines).toHaveLength(4);
  });

  it('leaves a try after which another endpoint is tried to those who debug', () => {
    const { log, observer } = start();
    observer.failure({ ...refused, final: false });
    expect(log.lines.map(({ level }) => level)).toEqual([4]);
  });

  it('calls a datagram a datagram', () => {
    const { log, observer } = start();
    observer.failure({ ...refused, protocol: 'UDP', reason: 'icmp-refused' });
    expect(log.messages('warn')).toEqual(['datagram dropped: the endpoint refused a datagram']);
  });

  it('tells of limits that are reached, and of room again', () => {
    const { log, observer } = start();
    observer.filesExhausted(100);
    observer.filesAvailable();
    observer.udpSessionsExhausted(50);
    observer.connectionsExhausted('default/web', 5);
    observer.connectionsExhausted(null, 6);
    expect(log.lines.map(({ level, fields }) => [level, fields.limit, fields.servicePort])).toEqual([
      ['warn', 100, undefined],
      ['info', undefined, undefined],
      ['warn', 50, undefined],
      ['warn', 5, 'default/web'],
      ['warn', 6, undefined],
    ]);
  });
});
