import { describe, expect, it } from 'vitest';
import { ClientIPAffinity } from '../../src/balancer/client-ip-affinity.js';

const TIMEOUT_MS = 10_000;

describe('client-IP affinity', () => {
  it('binds a client to its endpoint until the timeout has passed since its last use', () => {
    const affinity = new ClientIPAffinity();
    affinity.use('192.0.2.1', 'a', 0);
    expect(affinity.find('192.0.2.1', TIMEOUT_MS - 1, TIMEOUT_MS)).toBe('a');
    expect(affinity.find('192.0.2.1', TIMEOUT_MS, TIMEOUT_MS)).toBeUndefined();
  });

  it('is refreshed by use', () => {
    const affinity = new ClientIPAffinity();
    affinity.use('192.0.2.1', 'a', 0);
    affinity.use('192.0.2.1', 'a', 9_000);
    expect(affinity.find('192.0.2.1', 15_000, TIMEOUT_MS)).toBe('a');
  });

  it('follows an edited timeout, longer or shorter, also for clients bound before', () => {
    const affinity = new ClientIPAffinity();
    affinity.use('192.0.2.1', 'a', 0);
    expect(affinity.find('192.0.2.1', 8_000, 60_000)).toBe('a');
    expect(affinity.find('192.0.2.1', 8_000, 5_000)).toBeUndefined();
  });

  it('drops the bonds to endpoints that are gone and keeps the others', () => {
    const affinity = new ClientIPAffinity();
    affinity.use('192.0.2.1', 'a', 0);
    affinity.use('192.0.2.2', 'b', 0);
    affinity.keepOnly((endpoint) => endpoint === 'b');
    expect(affinity.find('192.0.2.1', 1, TIMEOUT_MS)).toBeUndefined();
    expect(affinity.find('192.0.2.2', 1, TIMEOUT_MS)).toBe('b');
  });

  it('never holds more clients than it may: the one unused longest makes room', () => {
    const affinity = new ClientIPAffinity(2);
    affinity.use('192.0.2.1', 'a', 0);
    affinity.use('192.0.2.2', 'a', 1);
    affinity.use('192.0.2.1', 'a', 2);
    affinity.use('192.0.2.3', 'a', 3);
    expect(affinity.size).toBe(2);
    expect(affinity.find('192.0.2.2', 4, TIMEOUT_MS)).toBeUndefined();
    expect(affinity.find('192.0.2.1', 4, TIMEOUT_MS)).toBe('a');
  });

  it('gives expired clients back as others are looked up', () => {
    const affinity = new ClientIPAffinity();
    for (let client = 0; client < 100; client += 1) affinity.use(`192.0.2.${client}`, 'a', 0);
    for (let lookup = 0; lookup < 50; lookup += 1) affinity.find('198.51.100.1', TIMEOUT_MS, TIMEOUT_MS);
    expect(affinity.size).toBe(0);
  });

  it('forgets one client alone, and only its bond to the endpoint that failed', () => {
    const affinity = new ClientIPAffinity();
    affinity.use('192.0.2.1', 'a', 0);
    affinity.use('192.0.2.2', 'a', 0);
    affinity.forget('192.0.2.1', 'a');
    affinity.forget('192.0.2.2', 'b');
    expect(affinity.size).toBe(1);
    expect(affinity.find('192.0.2.2', 1, TIMEOUT_MS)).toBe('a');
  });
});
