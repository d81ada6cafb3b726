import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SessionAffinity } from '../../src/model/service-port.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

const CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 60 };
const SHORT_CLIENT_IP: SessionAffinity = { type: 'ClientIP', timeoutSeconds: 2 };
const WITHIN_TIMEOUT_MS = 1_200;
const PAST_TIMEOUT_MS = 2_300;
const ONE = '127.0.0.1';
const ANOTHER = '127.0.0.2';

/** Which endpoint a connection goes to. The balancer has specs of its own; these hold that the engine asks it rightly. */
export function describeBalancing(start: StartEngine): void {
  describe('round robin', () => {
    it('serves each endpoint once before any of them twice', async () => {
      const endpoints = await greeters('abc');
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints });
      const served: string[] = [];
      while (served.length < 12) served.push(await portal.visit());
      expect(new Set(served.slice(0, 3))).toEqual(new Set('abc'));
      expect(served).toEqual(served.map((_, index) => served[index % 3]));
    });

    it('serves each endpoint as often where the connections come at once', async () => {
      const endpoints = await greeters('abc');
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints });
      const served = await Promise.all(Array.from({ length: 30 }, () => portal.visit()));
      expect(served.toSorted().join('')).toBe('a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10));
    });

    it('does not look at who the client is', async () => {
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints: await greeters('ab') });
      const served = new Set([
        await portal.visit({ localAddress: ONE }),
        await portal.visit({ localAddress: ONE }),
      ]);
      expect(served).toEqual(new Set('ab'));
    });
  });

  describe('ClientIP affinity', () => {
    it('keeps the connections of one address on one endpoint, those of each address on their own', async () => {
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: await greeters('ab'),
        sessionAffinity: CLIENT_IP,
      });
      const served: Record<string, Set<string>> = { [ONE]: new Set(), [ANOTHER]: new Set() };
      for (let round = 0; round < 3; round++) {
        for (const localAddress of [ONE, ANOTHER]) {
          served[localAddress]?.add(await portal.visit({ localAddress }));
        }
      }
      expect(served[ONE]?.size).toBe(1);
      expect(served[ANOTHER]?.size).toBe(1);
      expect(served[ONE]).not.toEqual(served[ANOTHER]);
    });

    it('lasts for the timeout after the last connection, and each connection begins it anew', async () => {
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: await greeters('ab'),
        sessionAffinity: SHORT_CLIENT_IP,
      });
      const first = await portal.visit();
      for (let refreshed = 0; refreshed < 2; refreshed++) {
        await pause(WITHIN_TIMEOUT_MS);
        expect(await portal.visit()).toBe(first);
      }
      await pause(PAST_TIMEOUT_MS);
      expect(await portal.visit()).not.toBe(first);
    });

    it('ends when its endpoint goes, and does not come back with it', async () => {
      const [first, second] = [await TcpEndpoint.listen(greet('1')), await TcpEndpoint.listen(greet('2'))];
      const both = [first.endpoint, second.endpoint];
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: both,
        sessionAffinity: CLIENT_IP,
      });
      const [bound, other] = (await portal.visit()) === '1' ? [first, second] : [second, first];
      const otherName = other === first ? '1' : '2';
      await portal.route([other.endpoint], CLIENT_IP);
      expect(await portal.visit()).toBe(otherName);
      await portal.route(both, CLIENT_IP);
      expect(await portal.visit()).toBe(otherName);
      expect(bound.connections).toBe(1);
    });

    it('outlives a change of the other endpoints', async () => {
      const [one, two, three] = await greeters('abc');
      if (one === undefined || two === undefined || three === undefined) throw new Error('three endpoints');
      const portal = await (await RelayUnderTest.start(start)).open({
        endpoints: [one],
        sessionAffinity: CLIENT_IP,
      });
      expect(await portal.visit()).toBe('a');
      await portal.route([three, two, one], CLIENT_IP);
      expect([await portal.visit(), await portal.visit()]).toEqual(['a', 'a']);
    });

    it('begins and ends with the routing', async () => {
      const endpoints = await greeters('ab');
      const portal = await (await RelayUnderTest.start(start)).open({ endpoints });
      await portal.route(endpoints, CLIENT_IP);
      const bound = await portal.visit();
      expect([await portal.visit(), await portal.visit()]).toEqual([bound, bound]);
      await portal.route(endpoints);
      expect(new Set([await portal.visit(), await portal.visit()])).toEqual(new Set('ab'));
    });
  });
}

/** An endpoint for each letter, that greets with it. */
function greeters(names: string) {
  return Promise.all([...names].map(async (name) => (await TcpEndpoint.listen(greet(name))).endpoint));
}
