import { describe, expect, it } from 'vitest';
import { ENDPOINT_SLICES, ENDPOINTS } from '../../../src/sources/apiserver/resource.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { eventually, within } from '../../support/deadline.js';
import { endpointsObject, sliceObject } from '../../support/kubernetes-objects.js';
import { runningReflector } from '../../support/running-reflector.js';

describe('a list of the first resource that the server has', () => {
  const resources = [ENDPOINT_SLICES, ENDPOINTS] as const;

  it('reads the next resource in its place', async () => {
    const server = await startApiServer({ servesSlices: false });
    server.create('endpoints', endpointsObject([]));
    const { mirror, failures } = await runningReflector(server, { resources });
    await mirror.toHold('web');
    expect(failures).toEqual([]);
    await within('a watch', server.request({ kind: 'watch', resource: 'endpoints' }));
  });

  it('reads the first where the server has it', async () => {
    const server = await startApiServer();
    server.create('endpointslices', sliceObject([]));
    const { mirror } = await runningReflector(server, { resources });
    await mirror.toHold('web-abc');
    expect(server.requests.count({ resource: 'endpoints' })).toBe(0);
  });

  it('tells a 404 of the last', async () => {
    const server = await startApiServer({ servesSlices: false });
    const { codes } = await runningReflector(server, { resources: [ENDPOINT_SLICES] });
    await eventually(() => expect(codes()).toContain('APISERVER_FAILED'));
  });
});
