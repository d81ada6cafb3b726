import { access, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  DEMO_MANIFEST,
  demoEndpoints,
  readDemoManifest,
  withPorts,
  writeTemporaryManifest,
} from '../../../src/cli/demo/demo-manifest.js';
import { readState } from '../../support/manifest-proxy.js';

describe("the demo's manifest", () => {
  it('declares whoami and echo, with three endpoints each', async () => {
    const { servicePorts, endpoints } = await readState([DEMO_MANIFEST]);
    const inOrder = [...servicePorts.keys()].sort();
    expect(inOrder.map((name) => servicePorts.get(name))).toMatchObject([
      { name: 'default/echo', protocol: 'UDP', port: 7000, clusterIPs: ['10.10.10.29'] },
      { name: 'default/whoami:http', protocol: 'TCP', port: 3000, clusterIPs: ['10.10.10.28'] },
    ]);
    expect(inOrder.flatMap((name) => endpoints.get(name) ?? []).map(({ key }) => key)).toEqual([
      '127.0.0.1:28201',
      '127.0.0.1:28202',
      '127.0.0.1:28203',
      '127.0.0.1:28101',
      '127.0.0.1:28102',
      '127.0.0.1:28103',
    ]);
  });

  it('tells which servers are to run where', async () => {
    const found = demoEndpoints(await readDemoManifest());
    expect(found.map(({ name, protocol, address, port }) => [name, protocol, address, port])).toEqual([
      ['whoami-1', 'TCP', '127.0.0.1', 28101],
      ['whoami-2', 'TCP', '127.0.0.1', 28102],
      ['whoami-3', 'TCP', '127.0.0.1', 28103],
      ['echo-1', 'UDP', '127.0.0.1', 28201],
      ['echo-2', 'UDP', '127.0.0.1', 28202],
      ['echo-3', 'UDP', '127.0.0.1', 28203],
    ]);
    expect(new Set(found.map(({ service }) => service))).toEqual(new Set(['default/whoami', 'default/echo']));
  });

  it('says so where it cannot be read', async () => {
    await expect(readDemoManifest('/nowhere/whoami.yaml')).rejects.toMatchObject({
      code: 'MANIFEST_UNREADABLE',
      message: expect.stringContaining('/nowhere/whoami.yaml'),
    });
  });
});

describe('a copy with other ports', () => {
  it('differs in those ports alone', async () => {
    const manifest = await readDemoManifest();
    const before = demoEndpoints(manifest);
    const moved = before.filter(({ name }) => name === 'whoami-2' || name === 'echo-3');
    const copy = withPorts(manifest, new Map(moved.map(({ document, port }) => [document, port + 10_000])));
    expect(demoEndpoints(copy)).toEqual(
      before.map((one) => (moved.includes(one) ? { ...one, port: one.port + 10_000 } : one)),
    );
    const changed = [
      ['port: 28102', 'port: 38102'],
      ['port: 28203', 'port: 38203'],
    ].reduce((text, [from = '', to = '']) => text.replace(from, to), manifest);
    expect(words(copy)).toEqual(words(changed));
  });

  it('is written to a directory of its own, which goes away with it', async () => {
    const { path, remove } = await writeTemporaryManifest('kind: Service\n');
    expect(path).toMatch(/kube-splice-demo-\w+.whoami\.yaml$/);
    expect(await readFile(path, 'utf8')).toBe('kind: Service\n');
    await remove();
    await expect(access(dirname(path))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** What a manifest says, comments included, whatever its white space. */
function words(manifest: string): string[] {
  return manifest.split(/[\s[\]]+/).filter((word) => word !== '');
}
