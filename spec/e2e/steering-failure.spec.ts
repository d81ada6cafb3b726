import { expect, it } from 'vitest';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { BROKEN_WORDS } from '../support/network/packet-filter.js';
import { SOON } from '../support/network/polling.js';
import {
  ALL_PODS,
  DUAL_STACK,
  dualStackService,
  serviceOfPods,
} from '../support/network/service-manifests.js';
import { SYNC_PERIOD_MS } from '../support/network/steered-node.js';

const PODS = ['pod-11', 'pod-12', 'pod-13'];
const LATE = { address: '10.96.60.1', port: 80 };

/** Twice the sync period is what makes a proxy unhealthy. */
const WHEN_UNHEALTHY = { ...SOON, timeout: 2 * SYNC_PERIOD_MS + SOON.timeout };

onEveryFilter('a command that fails', (steered) => {
  it('leaves the old rules, is told once in its own words, makes unhealthy where it lasts, and is tried again', async () => {
    const { filter, network } = steered();
    const [pod] = network.pods;
    const late = serviceOfPods('late', { spec: { clusterIP: LATE.address }, endpoints: ALL_PODS });
    const program = await steered().start([dualStackService()]);
    const before = await filter.rules();
    filter.break();
    program.declare(dualStackService(), late);
    await program.program.says(new RegExp(BROKEN_WORDS));
    await expect.poll(() => program.healthCode(), WHEN_UNHEALTHY).toBe(503);
    // One command may have failed in a check, and another in a write: nothing is told twice.
    const told = program.program.stderr.match(new RegExp(`sync failed.*${BROKEN_WORDS}`, 'g')) ?? [];
    expect(told.length).toBeGreaterThan(0);
    expect(new Set(told).size).toBe(told.length);
    expect((await program.report()).sync.errors.join()).toContain(BROKEN_WORDS);
    expect(PODS).toContain(await pod.curl({ address: DUAL_STACK.clusterIPs.IPv4, port: 80 }));
    expect(PODS).toContain(await pod.curl({ address: DUAL_STACK.clusterIPs.IPv6, port: 80 }));
    expect(await filter.rules()).toEqual(before);
    filter.mend();
    await expect.poll(() => program.healthCode(), SOON).toBe(200);
    expect(PODS).toContain(await pod.curl(LATE));
    expect((await program.report()).sync.errors).toEqual([]);
  });

  it('at the start makes unhealthy, and traffic is steered as soon as it succeeds', async () => {
    const { filter, network } = steered();
    const [pod] = network.pods;
    const program = await steered().start([dualStackService()]);
    await program.kill();
    await filter.clear();
    filter.break();
    const restarted = program.relaunch();
    await restarted.program.says(new RegExp(BROKEN_WORDS));
    await expect.poll(() => restarted.healthCode(), WHEN_UNHEALTHY).toBe(503);
    filter.mend();
    await expect.poll(() => restarted.healthCode(), SOON).toBe(200);
    expect(PODS).toContain(await pod.curl({ address: DUAL_STACK.clusterIPs.IPv4, port: 80 }));
    const overIPv6 = { address: DUAL_STACK.clusterIPs.IPv6, port: 80 };
    await expect.poll(() => pod.curl(overIPv6), SOON).toMatch(/^pod-/);
  });

  it('while rules are lost makes unhealthy though nothing else changed, until they are back', async () => {
    const { filter, network } = steered();
    const [pod] = network.pods;
    const program = await steered().start([dualStackService()]);
    expect(await program.healthCode()).toBe(200);
    // A sync may put them back before the programs are broken: then they are taken away again.
    const loseRules = async () => {
      await filter.clear();
      filter.break();
      return (await pod.connect({ address: DUAL_STACK.clusterIPs.IPv4, port: 80 }, 100)).outcome;
    };
    await expect.poll(loseRules, SOON).toBe('no answer');
    await expect.poll(() => program.healthCode(), WHEN_UNHEALTHY).toBe(503);
    filter.mend();
    await expect.poll(() => program.healthCode(), SOON).toBe(200);
    expect(PODS).toContain(await pod.curl({ address: DUAL_STACK.clusterIPs.IPv4, port: 80 }));
  });
});

onEveryFilter('a node without CAP_NET_ADMIN', (steered) => {
  it('is not steered, and warning and status say what is missing and what works', async () => {
    const { node } = steered().network;
    const withoutCapability = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const program = await steered().start([dualStackService()], ['--steering', 'auto'], withoutCapability);
    const { stderr } = program.program;
    expect(stderr).toMatch(/WARN.*(not permitted|denied|CAP_NET_ADMIN)/i);
    const { steering } = await program.report();
    expect(steering.kind).toBe('none');
    expect(steering.reason).toMatch(/not permitted|denied|CAP_NET_ADMIN/i);
    expect(await program.healthCode()).toBe(200);
    const port = await program.portOf('default/dual:http');
    expect(PODS).toContain(await node.curl({ address: '127.0.0.1', port }));
  });
});
