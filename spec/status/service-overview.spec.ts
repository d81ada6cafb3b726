import { describe, expect, it } from 'vitest';
import type { SourceStatus } from '../../src/sources/source.js';
import { overviewText, type ServiceOverview } from '../../src/status/service-overview.js';
import { syncProgress } from '../support/proxy-values.js';

const API_SERVER: SourceStatus = {
  kind: 'apiserver',
  location: 'https://10.0.0.1:6443',
  objects: 12,
  stale: false,
  connected: true,
  connectionChangedAt: null,
  endpointApi: 'EndpointSlice',
  savedAt: null,
  errors: [],
};

function text(changes: Partial<ServiceOverview> = {}): string {
  return overviewText({
    counts: { services: 7, servicePorts: 9, portals: 9, endpoints: 21 },
    relay: 'native',
    steering: 'nftables',
    sources: [API_SERVER],
    progress: syncProgress(),
    ...changes,
  });
}

describe('the status text of the service', () => {
  it('says what is served, and how', () => {
    expect(text()).toBe('7 services (9 portals), 21 endpoints; steering nftables; relay native');
    const one = { services: 1, servicePorts: 1, portals: 1, endpoints: 1 };
    expect(text({ counts: one })).toMatch(/^1 service \(1 portal\), 1 endpoint;/);
  });

  it('says that nothing was synced yet', () => {
    expect(text({ progress: syncProgress({ succeeded: 0 }) })).toMatch(/^waiting for the first sync; /);
  });

  it('says which API server is away', () => {
    expect(text({ sources: [{ ...API_SERVER, connected: false }] })).toMatch(
      /; https:\/\/10.0.0.1:6443 is away$/,
    );
  });

  it('says what is wrong: the one thing, or the first of several', () => {
    expect(text({ progress: syncProgress({ errors: ['PORT_IN_USE: 80'] }) })).toMatch(/; PORT_IN_USE: 80$/);
    const sources = [{ ...API_SERVER, errors: ['line 3'] }];
    expect(text({ sources, progress: syncProgress({ errors: ['PORT_IN_USE: 80'] }) })).toMatch(
      /; 2 errors, the first: PORT_IN_USE: 80$/,
    );
  });
});
