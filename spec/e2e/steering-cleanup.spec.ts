import { expect, it, onTestFinished } from 'vitest';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { DUAL_STACK, dualStackService, RECORDED_OBJECTS } from '../support/network/service-manifests.js';
import type { SteeredNode } from '../support/network/steered-node.js';

/** What every packet filter of this host holds, in the words of each. */
async function everything({ network }: SteeredNode): Promise<string> {
  const saves = ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft'].map(
    (variant) => `if command -v ${variant}-save >/dev/null; then ${variant}-save; fi`,
  );
  const nft = 'if command -v nft >/dev/null; then nft list ruleset; fi';
  return network.outputOnNode(['/bin/sh', '-ec', [...saves, nft].join('\n')]);
}

const OURS = /KUBE-|kube-splice/;

onEveryFilter('what is left of the rules', (steered) => {
  it('is all of them when it stops', async () => {
    const { filter } = steered();
    const program = await steered().start([RECORDED_OBJECTS, dualStackService()]);
    const before = await filter.rules();
    program.program.signal('SIGTERM');
    expect(await program.program.ended()).toBe(0);
    expect(await filter.rules()).toEqual(before);
    expect(await everything(steered())).toMatch(OURS);
  });

  it('is nothing when it stops with --cleanup-on-exit', async () => {
    const program = await steered().start([RECORDED_OBJECTS, dualStackService()], ['--cleanup-on-exit']);
    expect(await everything(steered())).toMatch(OURS);
    program.program.signal('SIGTERM');
    expect(await program.program.ended()).toBe(0);
    expect(await everything(steered())).not.toMatch(OURS);
  });

  it.each(['--cleanup-iptables', '--cleanup'])('is nothing after %s, which may be repeated', async (flag) => {
    const { network } = steered();
    const program = await steered().start([RECORDED_OBJECTS, dualStackService()]);
    program.program.signal('SIGKILL');
    await program.program.ended();
    expect(await everything(steered())).toMatch(OURS);
    expect(await steered().run(flag)).toMatchObject({ exitCode: 0 });
    expect(await everything(steered())).not.toMatch(OURS);
    expect(await steered().run(flag)).toMatchObject({ exitCode: 0 });
    const clusterIP = { address: DUAL_STACK.clusterIPs.IPv4, port: 80 };
    expect((await network.pods[0].connect(clusterIP, 100)).outcome).toBe('no answer');
  });

  it('is nothing after a cleanup of a host that has had no rules at all', async () => {
    onTestFinished(() => steered().filter.clear());
    expect(await steered().run('--cleanup-iptables')).toMatchObject({ exitCode: 0 });
    expect(await everything(steered())).not.toMatch(OURS);
  });
});
