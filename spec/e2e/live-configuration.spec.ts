import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/deadline.js';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { NODE } from '../support/network/node-network.js';
import { onEveryFilter } from '../support/network/on-every-filter.js';
import { SOON } from '../support/network/polling.js';
import { DUAL_STACK, dualStackService } from '../support/network/service-manifests.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { ProxyUnderLoad } from '../support/proxy-under-load.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** Loopback addresses that no other spec uses: every port of them is free. */
const ADDRESS = '127.0.84.11';
const PORTABLE_ADDRESS = '127.0.84.12';
const QUESTIONS = 300;

const configText = (fields: string): string =>
  `apiVersion: kube-splice.io/v1alpha1\nkind: KubeSpliceConfiguration\n${fields}\n`;

describe('a configuration file that changes while kube-splice runs', () => {
  it.skipIf(NATIVE_RELAY_MISSING)(
    'is taken up, however it is changed, and no client loses anything (skipped without the native relay)',
    { timeout: 60_000 },
    async () => {
      const directory = temporaryDirectory();
      const [link, file, other] = [join(directory, 'link'), join(directory, 'a'), join(directory, 'b')];
      writeFileSync(file, configText('maxConnections: 1000'));
      symlinkSync(file, link);
      const { proxy, load } = await ProxyUnderLoad.start({ address: ADDRESS, flags: ['--config', link] });
      const { program } = proxy;
      const configz = async () => {
        const all = (await (await proxy.get('/configz')).json()) as Record<string, Record<string, unknown>>;
        return all['kube-splice.io'];
      };
      const inEffect = async (maxConnections: number) => {
        await eventually(async () => expect(await configz()).toMatchObject({ maxConnections }));
        await load.more(QUESTIONS);
      };
      await inEffect(1_000);
      writeFileSync(file, configText('maxConnections: 1001\nudpReplyTimeout: 7s'));
      await inEffect(1_001);
      expect(program.stderr).toMatch(
        /configuration: in effect .*settings="?--udp-reply-timeout --max-connections/,
      );
      writeFileSync(other, configText('maxConnections: 1002'));
      renameSync(other, file);
      await inEffect(1_002);
      writeFileSync(other, configText('maxConnections: 1003\nrelayThreads: 3'));
      symlinkSync(other, `${link}.new`);
      renameSync(`${link}.new`, link);
      await inEffect(1_003);
      expect(program.stderr).toMatch(
        /other settings have their effect at the next start .*settings=--relay-threads/,
      );
      expect(await configz()).toMatchObject({ relayThreads: 0 });
      // What is wrong changes nothing, and is told; SIGHUP reads at once.
      writeFileSync(other, configText('maxConnections: many'));
      await program.says(/CONFIG_INVALID: .*maxConnections.*; what was read last goes on/);
      await inEffect(1_003);
      writeFileSync(other, configText('maxConnections: 1004'));
      program.signal('SIGHUP');
      await program.says(/SIGHUP received: read anew what=".*link \(--max-connections/);
      await inEffect(1_004);
      expect((await load.stop()).failures).toEqual([]);
    },
  );

  it('changes what the relay of the process does, too', async () => {
    const endpoint = await TcpEndpoint.listen(greet('g'));
    const directory = temporaryDirectory();
    const manifest = writeManifest(join(directory, 'a.yaml'), serviceManifest('web', [endpoint.endpoint]));
    const config = join(directory, 'config');
    writeFileSync(config, configText('maxConnections: 1'));
    const proxy = await RunningProgram.start(PORTABLE_ADDRESS, [
      '--config',
      config,
      '--manifests',
      manifest,
      '--relay=portable',
    ]);
    const port = await proxy.portOf('default/web:main');
    const [first, second] = [
      await tcpConnect({ address: PORTABLE_ADDRESS, port }),
      await tcpConnect({ address: PORTABLE_ADDRESS, port }),
    ];
    expect(await first.text(1)).toBe('g');
    expect(second.bytesReceived).toBe(0);
    writeFileSync(config, configText('maxConnections: 2'));
    expect(await second.text(1)).toBe('g');
    expect(first.wasReset).toBe(false);
  });
});

onEveryFilter('the addresses of NodePorts that the file says', (steered) => {
  it('are others when it says so, and other rules stay', async () => {
    const { network } = steered();
    const config = join(temporaryDirectory(), 'config');
    const say = (addresses: string): void =>
      writeFileSync(
        config,
        `apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nnodePortAddresses: [${addresses}]\n`,
      );
    say('172.31.0.0/24');
    await steered().start([dualStackService()], ['--config', config]);
    const answers = async (address: string): Promise<boolean> => {
      const argv = ['curl', '-sS', '--max-time', '2', '-o', '/dev/null'];
      const url = `http://${address}:${DUAL_STACK.nodePorts.http}/`;
      return (await network.outside.namespace.run([...argv, url])).exitCode === 0;
    };
    expect([await answers(NODE.other.IPv4), await answers(NODE.outside.IPv4)]).toEqual([true, false]);
    say('172.30.0.0/24');
    await expect.poll(() => answers(NODE.outside.IPv4), SOON).toBe(true);
    expect(await answers(NODE.other.IPv4)).toBe(false);
    say('');
    await expect.poll(() => answers(NODE.other.IPv4), SOON).toBe(true);
    expect(await answers(NODE.outside.IPv4)).toBe(true);
  });
});
