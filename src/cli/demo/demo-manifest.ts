import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { type Document, parseAllDocuments } from 'yaml';
import { KubeSpliceError } from '../../model/errors.js';
import type { Protocol } from '../../model/service-port.js';

/** The demo's Services. The path is the same from `src/` and from `dist/`. */
export const DEMO_MANIFEST = resolve(import.meta.dirname, '../../../examples/whoami.yaml');

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const PORT = ['ports', 0, 'port'];

/** An endpoint that the demo's manifest declares: a server is to run there. */
export interface DemoEndpoint {
  /** `default/whoami`: the Service that it is an endpoint of. */
  readonly service: string;
  /** `whoami-1`: the Service's name, and which of its endpoints this is. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Which document of the manifest declares it, from 0. */
  readonly document: number;
}

/** @throws KubeSpliceError `MANIFEST_UNREADABLE` where the package lacks its example. */
export async function readDemoManifest(path = DEMO_MANIFEST): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new KubeSpliceError('MANIFEST_UNREADABLE', `cannot read the demo's manifest ${path}`, { cause });
  }
}

/** The endpoints of a manifest whose EndpointSlices hold one endpoint each, in its order. */
export function demoEndpoints(manifest: string): DemoEndpoint[] {
  const seen = new Map<string, number>();
  return parseAllDocuments(manifest).flatMap((document, index) => {
    if (document.get('kind') !== 'EndpointSlice') return [];
    const service = text(document, ['metadata', 'labels', SERVICE_NAME_LABEL]);
    const id = (seen.get(service) ?? 0) + 1;
    seen.set(service, id);
    return {
      service: `${text(document, ['metadata', 'namespace'])}/${service}`,
      name: `${service}-${id}`,
      protocol: text(document, ['ports', 0, 'protocol']) === 'UDP' ? 'UDP' : 'TCP',
      address: text(document, ['endpoints', 0, 'addresses', 0]),
      port: Number(document.getIn(PORT)),
      document: index,
    };
  });
}

/** The manifest, comments and all, with the port of some endpoints changed: from document to port. */
export function withPorts(manifest: string, ports: ReadonlyMap<number, number>): string {
  return parseAllDocuments(manifest)
    .map((document, index) => {
      const port = ports.get(index);
      if (port !== undefined) document.setIn(PORT, port);
      return document.toString({ directives: index > 0, lineWidth: 0 });
    })
    .join('');
}

/** A manifest of its own in a new temporary directory. `remove` takes both away. */
export async function writeTemporaryManifest(
  manifest: string,
): Promise<{ path: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'kube-splice-demo-'));
  const path = join(directory, basename(DEMO_MANIFEST));
  await writeFile(path, manifest);
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}

function text(document: Document, path: readonly (string | number)[]): string {
  return String(document.getIn(path));
}
