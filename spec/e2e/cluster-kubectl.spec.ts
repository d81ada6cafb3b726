import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { greetingAt, greetingsAt, sliceTo, startGreeter } from '../support/greeting-service.js';
import { isKubectlInstalled, Kubectl } from '../support/kubectl.js';
import { serviceObject } from '../support/kubernetes-objects.js';
import { Program, RunningProgram } from '../support/program.js';
import { startSecuredCluster } from '../support/secured-cluster.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.83.1';

async function startedWithKubectl() {
  const { server, kubeconfig } = await startSecuredCluster();
  const proxy = await RunningProgram.start(ADDRESS, ['--kubeconfig', kubeconfig]);
  return { server, proxy, kubectl: new Kubectl(kubeconfig) };
}

/** How long it takes until the assertion holds, ms. */
async function msUntil(assertion: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await eventually(assertion);
  return Math.round(performance.now() - before);
}

// The goal is a second; the deadline leaves room for a busy machine, and each test notes what it took.
describe.skipIf(!isKubectlInstalled())('what kubectl does to the cluster (skipped without kubectl)', () => {
  it('shows in the status and in the traffic when a Service and its slice are created', async ({
    annotate,
  }) => {
    const { proxy, kubectl } = await startedWithKubectl();
    const greeter = await startGreeter('a');
    const printed = await kubectl.create(serviceObject(), sliceTo(greeter, { name: 'web-a' }));
    expect(printed).toBe('service/web created\nendpointslice.discovery.k8s.io/web-a created\n');
    const tookMs = await msUntil(async () =>
      expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('a'),
    );
    await annotate(`create to traffic: ${tookMs} ms after kubectl had ended`);
    const { stdout } = await Program.run('status', '--healthz-bind-address', ADDRESS);
    expect(stdout).toMatch(/default\/web:http +TCP +10\.96\.0\.1:80 /);
    expect(stdout).toContain(`127.0.0.1:${greeter.port}`);
  });

  it('moves new connections when a slice is patched, and leaves the portal where it is', async ({
    annotate,
  }) => {
    const { server, proxy, kubectl } = await startedWithKubectl();
    const [before, after] = [await startGreeter('before'), await startGreeter('after')];
    server.create('services', serviceObject());
    server.create('endpointslices', sliceTo(before, { name: 'web-a' }));
    await eventually(async () =>
      expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('before'),
    );
    const port = await proxy.portOf('default/web:http');
    const patch = JSON.stringify({ ports: [{ name: 'http', port: after.port, protocol: 'TCP' }] });
    await kubectl.run('patch', 'endpointslice', 'web-a', '--type=merge', '-p', patch);
    const tookMs = await msUntil(async () => expect(await greetingAt(ADDRESS, port)).toBe('after'));
    await annotate(`patch to traffic: ${tookMs} ms after kubectl had ended`);
    expect(await greetingsAt(ADDRESS, port, 4)).toEqual(['after']);
    expect(await proxy.portOf('default/web:http')).toBe(port);
  });

  it('opens and closes portals when the ports of a Service are patched', async ({ annotate }) => {
    const { server, proxy, kubectl } = await startedWithKubectl();
    server.create('services', serviceObject());
    await eventually(async () => void (await proxy.portOf('default/web:http')));
    const closed = await proxy.portOf('default/web:http');
    const ports = [{ op: 'replace', path: '/spec/ports', value: [{ name: 'metrics', port: 9090 }] }];
    await kubectl.run('patch', 'service', 'web', '--type=json', '-p', JSON.stringify(ports));
    const tookMs = await msUntil(async () => {
      const { servicePorts } = await proxy.report();
      expect(servicePorts).toMatchObject([{ name: 'default/web:metrics', port: 9090 }]);
      expect(servicePorts[0]?.portal).not.toBeNull();
      await expect(greetingAt(ADDRESS, closed)).rejects.toThrow(/ECONNREFUSED/);
    });
    await annotate(`patch to portals: ${tookMs} ms after kubectl had ended`);
  });

  it('refuses connections when the slice is deleted, and listens no more when the Service is', async ({
    annotate,
  }) => {
    const { server, proxy, kubectl } = await startedWithKubectl();
    server.create('services', serviceObject());
    server.create('endpointslices', sliceTo(await startGreeter('a'), { name: 'web-a' }));
    await eventually(async () =>
      expect(await greetingAt(ADDRESS, await proxy.portOf('default/web:http'))).toBe('a'),
    );
    const port = await proxy.portOf('default/web:http');
    await kubectl.run('delete', 'endpointslice', 'web-a', '--wait=false');
    const refusedMs = await msUntil(async () =>
      expect(greetingAt(ADDRESS, port)).rejects.toThrow(/ECONNRESET/),
    );
    await kubectl.run('delete', 'service', 'web', '--wait=false');
    const closedMs = await msUntil(async () => {
      expect((await proxy.report()).servicePorts).toEqual([]);
      await expect(greetingAt(ADDRESS, port)).rejects.toThrow(/ECONNREFUSED/);
    });
    await annotate(`delete to reset: ${refusedMs} ms, to the end of the portal: ${closedMs} ms`);
  });
});
