import type { V1ClusterRole } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import type { ApiRequest } from '../support/api-server/api-request.js';
import { RESOURCES } from '../support/api-server/resources.js';
import { startApiServer } from '../support/api-server/started-api-server.js';
import { clusterSource } from '../support/cluster-source.js';
import { eventually } from '../support/deadline.js';
import { documentsOf } from '../support/pod/deployed-pod.js';

/** What a request needs the right to: `verb group/resource`. */
function neededRight({ kind, resource }: ApiRequest): string | undefined {
  return resource === undefined ? undefined : `${kind} ${RESOURCES[resource].group}/${resource}`;
}

/** The rights that it takes to follow a cluster that has EndpointSlices, or is too old for them. */
async function rightsAsked(servesSlices: boolean): Promise<readonly string[]> {
  const server = await startApiServer({ servesSlices });
  await clusterSource(server);
  const endpoints = servesSlices ? 'endpointslices' : 'endpoints';
  await eventually(() => {
    for (const resource of ['services', 'nodes', endpoints] as const)
      expect(server.openWatches(resource)).toBe(1);
  });
  return server.requests.all.map(neededRight).filter((right) => right !== undefined);
}

describe('deploy/rbac.yaml', () => {
  it('gives the rights that are asked for of clusters new and old, and no other', async () => {
    const role = documentsOf('deploy/rbac.yaml').find(({ kind }) => kind === 'ClusterRole') as V1ClusterRole;
    const given = (role.rules ?? []).flatMap(({ apiGroups = [], resources = [], verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    );
    const asked = new Set([...(await rightsAsked(true)), ...(await rightsAsked(false))]);
    expect(given.toSorted()).toEqual([...asked].toSorted());
  });
});
