import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../src/model/errors.js';
import { EMPTY_STATE } from '../../src/model/service-state.js';
import { servicePortViews } from '../../src/proxier/service-port-views.js';
import { portalName } from '../../src/proxier/wanted-portals.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';

const web = aServicePort({ name: 'default/web' });
const error = new KubeSpliceError('PORT_RANGE_EXHAUSTED', 'no port is free');
const OPEN = { protocol: 'TCP', address: '0.0.0.0', port: 40_123 } as const;

describe('what is shown of a service port', () => {
  it('tells its two portals apart, with the endpoints and the failure of each', () => {
    const state = {
      servicePorts: new Map([[web.name, web]]),
      endpoints: new Map([[web.name, endpoints(1, 2)]]),
      externalEndpoints: new Map([[web.name, endpoints(2)]]),
      readyLocalEndpoints: new Map(),
    };
    const failure = { error, servicePort: web.name, traffic: 'external' } as const;
    const portals = {
      open: new Map([[web.name, OPEN]]),
      failed: new Map([[portalName(web.name, 'external'), failure]]),
    };
    expect(servicePortViews(state, portals)).toEqual([
      {
        servicePort: web,
        endpoints: endpoints(1, 2),
        portal: { address: '0.0.0.0', port: 40_123 },
        error: null,
        external: {
          endpoints: endpoints(2),
          portal: null,
          error: 'PORT_RANGE_EXHAUSTED: no port is free',
        },
      },
    ]);
  });

  it('has nothing external where external traffic follows the same policy', () => {
    const state = { ...EMPTY_STATE, servicePorts: new Map([[web.name, web]]) };
    expect(servicePortViews(state, { open: new Map(), failed: new Map() })).toEqual([
      { servicePort: web, endpoints: [], portal: null, error: null, external: null },
    ]);
  });
});
