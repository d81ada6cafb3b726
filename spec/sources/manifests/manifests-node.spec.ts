import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import type { NodeTopology } from '../../../src/model/node.js';
import { ManifestsSource } from '../../../src/sources/manifests/manifests-source.js';
import { CollectedStates } from '../../support/collected-states.js';
import { serviceObject, sliceObject } from '../../support/kubernetes-objects.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const NEAR = {
  addresses: ['10.0.0.1'],
  nodeName: 'node-a',
  hints: { forZones: [{ name: 'zone-a' }] },
};
const FAR = {
  addresses: ['10.0.0.2'],
  nodeName: 'node-b',
  hints: { forZones: [{ name: 'zone-b' }] },
};

/** What a source that runs there serves of web, with the spec given here. */
async function servedAt(node: NodeTopology | undefined, spec = {}): Promise<string[] | undefined> {
  const path = join(temporaryDirectory(), 'web.yaml');
  writeFileSync(path, [stringify(serviceObject(spec)), stringify(sliceObject([NEAR, FAR]))].join('---\n'));
  const logger = new RecordingLogger();
  const source = new ManifestsSource({ paths: [path], logger, ...(node && { node }) });
  onTestFinished(() => source.stop());
  return (await CollectedStates.startOf(source)).served['default/web:http'];
}

it.each<[string, NodeTopology | undefined, object, string[]]>([
  ['all without a node', undefined, {}, ['10.0.0.1:8080', '10.0.0.2:8080']],
  ['those meant for its zone', { name: null, zone: 'zone-b' }, {}, ['10.0.0.2:8080']],
  [
    'those on its node under policy Local',
    { name: 'node-a', zone: 'zone-b' },
    { internalTrafficPolicy: 'Local' },
    ['10.0.0.1:8080'],
  ],
  ['none under policy Local without a node', undefined, { internalTrafficPolicy: 'Local' }, []],
])('of the endpoints in manifests a source serves %s', async (_what, node, spec, expected) => {
  expect(await servedAt(node, spec)).toEqual(expected);
});
