import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BENCH_SERVICE, benchManifest } from '../../../bench/peers/bench-manifest.js';
import { addressesOf, SERVICES } from '../../../bench/services.js';
import type { ServiceState } from '../../../src/model/service-state.js';
import { readState } from '../../support/manifest-proxy.js';

const PORTS = { requests: 1001, connections: 1002, source: 1003, sink: 1004, echo: 1005 };

describe('the manifest of the bench', () => {
  it('declares the endpoint of every service, under the protocol that it speaks', async () => {
    const { servicePorts, endpoints } = await stateOf(
      benchManifest(addressesOf((service) => ({ address: '127.0.0.1', port: PORTS[service] }))),
    );
    const declared = [...servicePorts.values()].map(({ name, protocol }) => [
      name,
      protocol,
      endpoints.get(name)?.map(({ key }) => key),
    ]);
    const expected = Object.entries(PORTS).map(([service, port]) => [
      `${BENCH_SERVICE}:${service}`,
      service === 'echo' ? 'UDP' : 'TCP',
      [`127.0.0.1:${port}`],
    ]);
    expect(declared.toSorted()).toEqual(expected.toSorted());
    expect(declared).toHaveLength(Object.keys(SERVICES).length);
  });

  it('cannot declare services at several addresses', () => {
    const addresses = addressesOf((service) => ({
      address: service === 'echo' ? '::1' : '127.0.0.1',
      port: 1,
    }));
    expect(() => benchManifest(addresses)).toThrow('2 addresses');
  });
});

async function stateOf(manifest: string): Promise<ServiceState> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-manifest-'));
  try {
    const file = join(directory, 'bench.yaml');
    await writeFile(file, manifest);
    return await readState([file]);
  } finally {
    await rm(directory, { recursive: true });
  }
}
