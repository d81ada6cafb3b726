import { describe, expect, it } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import { eventually } from '../support/deadline.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';
import { NO_AFFINITY, RelayUnderTest, type StartEngine } from './contract-engine.js';

/** Connected to, it would be the portal itself once more, and so on until no file is left. */
const BACK = endpoint('10.96.0.10', 80);

const LEADS_BACK = new Set([BACK.key]);

/** Endpoints that lead back to where the connection came from. */
export function describeLeadingBack(start: StartEngine): void {
  describe('an endpoint that leads back to the portal', () => {
    it('is never connected to: the client is reset at once, and it is told', async () => {
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [BACK], leadsBack: LEADS_BACK });
      const client = await portal.connect();
      expect(await client.ending()).toBe('reset');
      await eventually(() =>
        expect(relay.observer.failures.at(-1)).toMatchObject({
          endpoint: BACK,
          reason: 'leads-back',
          final: true,
        }),
      );
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ activeConnections: 0, totalConnections: 1 });
      });
    });

    it('is passed over where there is another', async () => {
      const pod = await TcpEndpoint.listen(greet('a'));
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [BACK, pod.endpoint], leadsBack: LEADS_BACK });
      for (let visit = 0; visit < 3; visit += 1) expect(await portal.visit()).toBe('a');
    });

    it('is connected to again once it no longer leads back, and from then on not once it does', async () => {
      const pod = await TcpEndpoint.listen(greet('a'));
      const relay = await RelayUnderTest.start(start);
      const leadsBack = new Set([pod.key]);
      const portal = await relay.open({ endpoints: [pod.endpoint], leadsBack });
      expect(await (await portal.connect()).ending()).toBe('reset');
      await portal.route([pod.endpoint]);
      expect(await portal.visit()).toBe('a');
      await portal.route([pod.endpoint], NO_AFFINITY, leadsBack);
      expect(await (await portal.connect()).ending()).toBe('reset');
      expect(pod.connections).toBe(1);
    });

    it('gets no datagram, which is counted, and is passed over where there is another', async () => {
      const pod = await UdpEndpoint.bind(echoDatagram);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ protocol: 'UDP', endpoints: [BACK], leadsBack: LEADS_BACK });
      const client = await portal.udpClient();
      await client.send('lost');
      await eventually(async () => {
        expect(await portal.counters()).toMatchObject({ droppedDatagrams: 1, udpSessions: 0 });
      });
      await eventually(() =>
        expect(relay.observer.failures).toMatchObject([
          { endpoint: BACK, reason: 'leads-back', final: true },
        ]),
      );
      await portal.route([BACK, pod.endpoint], NO_AFFINITY, LEADS_BACK);
      for (const text of ['one', 'two']) expect(await (await portal.udpClient()).ask(text)).toBe(text);
    });
  });
}
