import { expect, it } from 'vitest';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import { dualStackService } from '../support/network/service-manifests.js';

const FLUSH = 'for t in nat filter; do iptables -t $t -F; ip6tables -t $t -F; done';
const FAMILIES = ['IPv4', 'IPv6'] as const;

onEveryFilter('whoever got to a portal while somebody had removed the rules', (steered) => {
  it('is refused as soon as they are back, though it never pauses', async () => {
    const program = await steered().start([dualStackService()]);
    const { outside } = steered().network;
    const port = await program.portOf('default/dual:echo');
    const conversations = await Promise.all(
      FAMILIES.map((family) => outside.dial({ address: NODE.outside[family], port })),
    );
    await steered().filter.shell(steered().filter.steering === 'nftables' ? 'nft flush ruleset' : FLUSH);
    for (const conversation of conversations)
      expect((await conversation.ask('is it open?')).outcome).toContain('heard');
    const answers = () =>
      Promise.all(conversations.map(async (conversation) => (await conversation.ask('still?', 100)).outcome));
    await expect.poll(answers, SOON).toEqual(['no answer', 'no answer']);
    expect((await program.refused()).datagrams).toBeGreaterThan(0);
  });
});
