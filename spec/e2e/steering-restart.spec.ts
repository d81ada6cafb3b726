import { expect, it } from 'vitest';
import type { UdpConversation } from '../support/network/machine.js';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import { ALL_PODS, DUAL_STACK, dualStackService } from '../support/network/service-manifests.js';

const FAMILIES = ['IPv4', 'IPv6'] as const;
const PODS = ['pod-11', 'pod-12', 'pod-13'];

/** The latter is for the node itself: it learns from send(2) what a rule for its own packets rejects. */
const REFUSED = /^(ECONNREFUSED|EPERM)$/;

/** A client that goes on sending on its socket is answered again: far sooner than its flow would be forgotten. */
async function isAnsweredAgain(conversation: UdpConversation): Promise<void> {
  const answer = async () => (await conversation.ask('again', 200)).outcome;
  await expect.poll(answer, SOON).toContain('heard again');
}

async function areRefused(conversations: readonly UdpConversation[]): Promise<void> {
  const answers = () =>
    Promise.all(conversations.map(async (conversation) => (await conversation.ask('too late', 200)).outcome));
  await expect.poll(answers, SOON).toEqual(conversations.map(() => expect.stringMatching(REFUSED)));
}

onEveryFilter('kill -9 and restart', (steered) => {
  it.each([
    ['on other ports', ['--proxy-port-range', '41000-41100']],
    ['on the same ports', ['--proxy-port-range', '40000-40001']],
  ])('leave the rules, and traffic is served again %s, ongoing UDP flows too', async (_, flags) => {
    const { filter, network } = steered();
    const { node, pods, outside } = network;
    const program = await steered().start([dualStackService()], ['--proxy-port-range', '40000-40001']);
    const clusterIPs = FAMILIES.map((family) => DUAL_STACK.clusterIPs[family]);
    const conversations = await Promise.all([
      ...clusterIPs.flatMap((address) =>
        [pods[0], node, outside].map((machine) => machine.dial({ address, port: 7000 })),
      ),
      outside.dial({ address: NODE.other.IPv4, port: DUAL_STACK.nodePorts.echo }),
    ]);
    for (const conversation of conversations)
      expect((await conversation.ask('hello')).outcome).toContain('heard hello');
    const before = await filter.rules();
    await program.kill();
    expect(await filter.rules()).toEqual(before);
    // These keep the flows to the old ports alive.
    for (const conversation of conversations) await conversation.ask('is anybody there?', 20);
    const restarted = await program.restart(flags);
    for (const machine of [pods[0], node, outside])
      for (const address of clusterIPs) expect(PODS).toContain(await machine.curl({ address, port: 80 }));
    await Promise.all(conversations.map(isAnsweredAgain));
    expect((await restarted.report()).sync.failed).toBe(0);
  });
});

onEveryFilter('UDP flows', (steered) => {
  it('reach the first endpoint soon after it is there, also from a socket that was refused before', async () => {
    const program = await steered().start([dualStackService([])]);
    const { pods, node, outside } = steered().network;
    for (const family of FAMILIES) {
      const destinations = [
        { address: DUAL_STACK.clusterIPs[family], port: 7000 },
        { address: NODE.outside[family], port: DUAL_STACK.nodePorts.echo },
      ];
      const conversations = await Promise.all(
        destinations.flatMap((destination) =>
          [pods[0], node, outside].map((machine) => machine.dial(destination)),
        ),
      );
      for (const conversation of conversations)
        expect((await conversation.ask('too early')).outcome).toMatch(REFUSED);
      program.declare(dualStackService(ALL_PODS));
      await Promise.all(conversations.map(isAnsweredAgain));
      // And when there are none any more, and some again.
      program.declare(dualStackService([]));
      await areRefused(conversations);
      program.declare(dualStackService(ALL_PODS));
      await Promise.all(conversations.map(isAnsweredAgain));
      program.declare(dualStackService([]));
      await areRefused(conversations);
    }
  });
});
