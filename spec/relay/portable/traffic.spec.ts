import { describe, expect, it } from 'vitest';
import { endpoint } from '../../../src/model/endpoint.js';
import { Traffic } from '../../../src/relay/portable/traffic.js';

const [A, B] = [endpoint('10.0.0.1', 80), endpoint('10.0.0.2', 80)];

describe('the traffic of a portal', () => {
  it('shows every endpoint of its routing, also one that nobody has used', () => {
    const traffic = new Traffic();
    traffic.route([A, B]);
    traffic.connected(A.key);
    expect([...traffic.snapshot().endpoints]).toEqual([
      [A.key, { connections: 1, totalConnections: 1 }],
      [B.key, { connections: 0, totalConnections: 0 }],
    ]);
  });

  it('shows an endpoint that is gone until its last connection has ended', () => {
    const traffic = new Traffic();
    traffic.route([A]);
    traffic.connected(A.key);
    traffic.route([B]);
    expect([...traffic.snapshot().endpoints.keys()]).toEqual([B.key, A.key]);
    traffic.disconnected(A.key);
    expect([...traffic.snapshot().endpoints.keys()]).toEqual([B.key]);
  });

  it('keeps the counts of an endpoint that stays', () => {
    const traffic = new Traffic();
    traffic.route([A]);
    traffic.connected(A.key);
    traffic.disconnected(A.key);
    traffic.route([A, B]);
    expect(traffic.snapshot().endpoints.get(A.key)).toEqual({ connections: 0, totalConnections: 1 });
  });

  it('gives a copy: what is counted later does not change it', () => {
    const traffic = new Traffic();
    traffic.route([A]);
    const before = traffic.snapshot();
    traffic.connected(A.key);
    traffic.bytesIn += 5;
    expect(before).toMatchObject({ bytesIn: 0 });
    expect(before.endpoints.get(A.key)).toEqual({ connections: 0, totalConnections: 0 });
  });
});
