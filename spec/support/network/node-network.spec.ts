import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { within } from '../deadline.js';
import { runProcess } from './finished-process.js';
import { deleteOrphanedNamespaces } from './network-namespace.js';
import { NODE, OUTSIDE } from './node-network.js';
import { onEveryFilter } from './on-every-filter.js';
import { BROKEN_WORDS } from './packet-filter.js';
import { missingFor } from './requirements.js';

/** The least that steers a ClusterIP to a port of the node, in the words of each filter. */
const REDIRECT = {
  'iptables-legacy':
    'iptables -t nat -A PREROUTING -p tcp -d 10.96.0.1 --dport 443 -j REDIRECT --to-ports 6443',
  'iptables-nft': 'iptables -t nat -A PREROUTING -p tcp -d 10.96.0.1 --dport 443 -j REDIRECT --to-ports 6443',
  nftables: `nft 'table ip mine { chain c { type nat hook prerouting priority dstnat;
    ip daddr 10.96.0.1 tcp dport 443 redirect to :6443; }; }'`,
} as const;

onEveryFilter('the machines of the specs', (steered, name) => {
  it('reach each other by both families', async () => {
    const { node, pods, outside } = steered().network;
    const [pod, other] = pods;
    expect(await other.curl({ address: '10.244.0.11', port: 3000 })).toBe('pod-11');
    expect(await outside.curl({ address: 'fd00:10:244::12', port: 3000 })).toBe('pod-12');
    expect(await node.askUdp({ address: 'fd00:10:244::13', port: 7000 })).toBe('pod-13 heard hello');
    expect(await pod.curl({ address: NODE.outside.IPv4, port: 6443 })).toBe('node');
    const asymmetric = { address: NODE.other.IPv4, port: 6443, localAddress: OUTSIDE.IPv4 };
    expect(await outside.curl(asymmetric)).toBe('node');
  });

  it('tell a refusal from silence', async () => {
    const { node, outside } = steered().network;
    const closed = { address: NODE.outside.IPv4, port: 9 };
    expect((await outside.connect(closed)).outcome).toBe('ECONNREFUSED');
    expect(await outside.askUdp(closed)).toBe('ECONNREFUSED');
    const nowhere = { address: '10.96.0.77', port: 80 };
    expect((await node.connect(nowhere, 100)).outcome).toBe('no answer');
    expect((await (await node.dial(nowhere)).ask('hello', 100)).outcome).toBe('no answer');
  });

  it('steer by rules of this filter, which are read and cleared again', async () => {
    const { filter } = steered();
    const [pod] = steered().network.pods;
    const clusterIP = { address: '10.96.0.1', port: 443 };
    expect((await pod.connect(clusterIP, 100)).outcome).toBe('no answer');
    await filter.shell(REDIRECT[name]);
    expect(await pod.curl(clusterIP)).toBe('node');
    expect((await filter.rules()).join('\n')).toContain('10.96.0.1');
    expect(await filter.foreignRules()).toEqual(await filter.rules());
    await filter.clear();
    expect((await pod.connect(clusterIP, 100)).outcome).toBe('no answer');
    expect(await filter.rules()).toEqual([]);
  });

  it('have programs that break, but not for the spec, and are mended', async () => {
    const { filter, network } = steered();
    const program = name === 'nftables' ? 'nft list ruleset' : 'iptables-save';
    const { environment } = filter;
    const asKubeSplice = () => network.outputOnNode(['/bin/sh', '-ec', program], { environment });
    filter.break();
    await expect(asKubeSplice()).rejects.toThrow(BROKEN_WORDS);
    await filter.shell(program);
    filter.mend();
    await asKubeSplice();
  });
});

const cannot = missingFor('nftables');

describe.skipIf(cannot !== '')(`namespaces of the specs${cannot}`, () => {
  it('are deleted by a later run where the one that made them is gone, with what still runs in them', async () => {
    const gone = spawn('true');
    await once(gone, 'close');
    const orphan = `kubesplice-${gone.pid}-1-node`;
    await runProcess(['ip', 'netns', 'add', orphan]);
    expect(existsSync(`/run/netns/${orphan}`)).toBe(true);
    const left = spawn('ip', ['netns', 'exec', orphan, '/bin/sh', '-c', 'echo runs; exec cat']);
    const ended = once(left, 'close');
    onTestFinished(() => void left.kill('SIGKILL'));
    await within('a process in it', once(left.stdout, 'data'));
    await deleteOrphanedNamespaces();
    expect(existsSync(`/run/netns/${orphan}`)).toBe(false);
    expect((await within('its end', ended))[1]).toBe('SIGKILL');
  });
});
