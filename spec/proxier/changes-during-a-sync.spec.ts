import { describe, expect, it } from 'vitest';
import type { ServicePort } from '../../src/model/service-port.js';
import type { ServiceState } from '../../src/model/service-state.js';
import { aServicePort } from '../support/proxy-values.js';
import { RecordingSteering, startProxier, stateOf } from '../support/started-proxier.js';

const one = aServicePort({ name: 'default/one', clusterIPs: ['10.96.0.1'] });
const other = aServicePort({ name: 'default/other', clusterIPs: ['10.96.0.2'] });
const newcomer = aServicePort({ name: 'default/newcomer', clusterIPs: ['10.96.0.3'] });
const base = stateOf([one], [other], [newcomer]);

/** States that differ in nothing else: what is equal in two of them is the same object. */
function stateWith(...servicePorts: readonly ServicePort[]): ServiceState {
  return {
    ...base,
    servicePorts: new Map(servicePorts.map((servicePort) => [servicePort.name, servicePort])),
  };
}

describe('what changes in the midst of a sync', () => {
  it('is steered as one state has it: two that swap their addresses never both claim one', async () => {
    const steering = new RecordingSteering();
    const { proxier, relay } = startProxier({ steering, bindAddress: '127.0.71.21' });
    proxier.update(stateWith(one, other));
    await proxier.settled();
    const swapped = [
      aServicePort({ ...one, clusterIPs: other.clusterIPs }),
      aServicePort({ ...other, clusterIPs: one.clusterIPs }),
    ];
    relay.whileOpening = () => proxier.update(stateWith(...swapped, newcomer));
    proxier.update(stateWith(aServicePort({ ...one, port: 3001 }), other, newcomer));
    await proxier.settled();
    for (const redirects of steering.applied) {
      const addresses = redirects.map(({ address }) => address);
      expect(new Set(addresses).size).toBe(addresses.length);
    }
    const steered = steering.applied.at(-1)?.map(({ servicePort, address }) => [servicePort, address]);
    expect(steered?.toSorted()).toEqual([
      ['default/newcomer', '10.96.0.3'],
      ['default/one', '10.96.0.2'],
      ['default/other', '10.96.0.1'],
    ]);
  });
});
