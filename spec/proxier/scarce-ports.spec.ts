import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { HoldPort } from '../../src/host/port-reservation.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import { NoSteering } from '../../src/steering/none.js';
import type { PastRedirect, Steering } from '../../src/steering/steering.js';
import { aServicePort } from '../support/proxy-values.js';
import { startProxier, stateOf } from '../support/started-proxier.js';

/** Steering that writes rules to nowhere, and found these. */
function steeringAfter(left: readonly PastRedirect[]): Steering {
  const none = new NoSteering();
  return {
    kind: 'nftables',
    apply: (state, check) => none.apply(state, check),
    past: () => Promise.resolve(left),
    steers: () => Promise.resolve(true),
    rulesOf: () => none.rulesOf(),
    ruleCounts: () => none.ruleCounts(),
    refused: () => none.refused(),
    remove: () => none.remove(),
  };
}

/** Holds ports of one address of this host only: no other spec is in the way. */
function holdOn(host: string): HoldPort {
  return async (protocol, port) => {
    const server = createServer();
    const listening = once(server, 'listening');
    server.listen({ host, port, exclusive: true });
    await listening.catch((cause: unknown) => {
      throw new KubeSpliceError('NODE_PORT_IN_USE', `node port ${port}/${protocol} is in use`, { cause });
    });
    return { release: () => new Promise((released) => server.close(() => released())) };
  };
}

describe('where ports are scarce', () => {
  it('a service port that had one in an earlier run comes before those that had none', async () => {
    const left = [{ protocol: 'TCP', address: '10.96.0.1', port: 80, portalPort: 40_000 }] as const;
    const portRange = { first: 40_000, last: 40_001 };
    const { proxier } = startProxier({
      steering: steeringAfter([...left, { ...left[0], address: '10.96.0.7', portalPort: 40_001 }]),
      portRange,
      bindAddress: '127.0.71.22',
    });
    const newcomer = aServicePort({ name: 'default/newcomer', clusterIPs: ['10.96.9.9'], port: 80 });
    const web = aServicePort({ name: 'default/web', clusterIPs: ['10.96.0.1'], port: 80 });
    proxier.update(stateOf([newcomer], [web]));
    await proxier.settled();
    expect(proxier.servicePorts().map(({ portal }) => portal?.port)).toEqual([40_001, 40_000]);
  });

  it('no portal takes the node port of a service port', async () => {
    const bindAddress = '127.0.71.23';
    const { proxier } = startProxier({
      steering: steeringAfter([]),
      portRange: { first: 40_100, last: 40_111 },
      bindAddress,
      holdPort: holdOn(bindAddress),
    });
    const withNodePort = Array.from({ length: 6 }, (_, index) =>
      aServicePort({ name: `default/web:${index}`, port: 80 + index, nodePort: 40_100 + index }),
    );
    proxier.update(stateOf(...withNodePort.map((servicePort) => [servicePort] as const)));
    await proxier.settled();
    expect(proxier.syncProgress().errors).toEqual([]);
    const ports = proxier.servicePorts().map(({ portal }) => portal?.port);
    expect(ports.toSorted()).toEqual([40_106, 40_107, 40_108, 40_109, 40_110, 40_111]);
  });
});
