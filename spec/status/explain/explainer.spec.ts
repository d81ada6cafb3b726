import { describe, expect, it } from 'vitest';
import { explainer } from '../../../src/status/explain/explainer.js';
import { aRedirect } from '../../support/explain-values.js';
import { aServicePortView, NOON, portalCounters } from '../../support/proxy-values.js';

/** A proxy of `default/whoami:http` alone, which holds an endpoint for the client 10.1.2.3. */
function anExplainer() {
  const asked: string[] = [];
  const explain = explainer({
    facts: { version: '9.9.9', steering: { kind: 'iptables', reason: 'asked' } },
    view: { servicePorts: () => [aServicePortView()], redirects: () => [aRedirect()] },
    engine: {
      counters: async () => new Map([['default/whoami:http', portalCounters({ totalConnections: 7 })]]),
      affinity: async (name, client) => {
        asked.push(client);
        return name === 'default/whoami:http' ? { endpoint: '10.1.0.1:3001', remainingMs: 1_000 } : null;
      },
    },
    steering: { rulesOf: () => ['iptables -t nat -A KUBE-PORTALS-HOST'] },
    verdicts: () => null,
    failuresOf: () => [],
    now: () => NOON,
  });
  return { asked, explain };
}

describe('the explainer of a running proxy', () => {
  it('asks relay and steering of what it is asked about', async () => {
    const { explain } = anExplainer();
    const report = await explain({ service: 'default/whoami', client: '::ffff:10.1.2.3' });
    expect(report).toMatchObject({
      version: '9.9.9',
      currentTime: '2026-11-22T12:00:00.000Z',
      steering: { kind: 'iptables' },
      explanations: [
        {
          servicePort: { name: 'default/whoami:http', totalConnections: 7 },
          waysIn: [{ rules: ['iptables -t nat -A KUBE-PORTALS-HOST'], forClient: 'let-in' }],
          client: {
            address: '10.1.2.3',
            bindings: [{ traffic: 'internal', endpoint: '10.1.0.1:3001', until: '2026-11-22T12:00:01.000Z' }],
          },
        },
      ],
    });
  });

  it('asks the relay of no client where nobody named one', async () => {
    const { explain, asked } = anExplainer();
    const { explanations } = await explain({ service: 'default/whoami:http', client: null });
    expect(explanations).toMatchObject([{ client: null, waysIn: [{ forClient: null }] }]);
    expect(asked).toEqual([]);
  });

  it('refuses what it does not proxy, and a client that is no address', async () => {
    const { explain } = anExplainer();
    await expect(explain({ service: 'default/x', client: null })).rejects.toMatchObject({
      code: 'SERVICE_PORT_UNKNOWN',
    });
    await expect(explain({ service: 'default/whoami', client: '' })).rejects.toMatchObject({
      code: 'CLIENT_ADDRESS_INVALID',
    });
  });
});
