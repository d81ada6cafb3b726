import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DemoOptions, runDemo } from '../../../src/cli/demo/demo.js';
import { startUdpEchoServer } from '../../../src/cli/demo/udp-echo-server.js';
import { startWhoamiServer } from '../../../src/cli/demo/whoami-server.js';
import { DEMO_DEFAULT_CONFIG } from '../../../src/config/defaults.js';
import type { ProxyConfig } from '../../../src/config/proxy-config.js';
import { EMPTY_STATE, type ServiceState } from '../../../src/model/service-state.js';
import { CapturedOutput } from '../../support/captured-output.js';
import { within } from '../../support/deadline.js';
import { startManifestProxy } from '../../support/manifest-proxy.js';
import { openSockets } from '../../support/open-sockets.js';
import { UdpClient } from '../../support/udp-client.js';

const WITHOUT_STATUS: ProxyConfig = { ...DEMO_DEFAULT_CONFIG, statusAddress: null };

interface Run {
  readonly output: CapturedOutput;
  readonly ended: Promise<number>;
  readonly abort: AbortController;
}

/** Starts the demo; it is ended with the test at the latest. */
function start(options: Partial<DemoOptions>, output = new CapturedOutput()): Run {
  const abort = new AbortController();
  const ended = runDemo({
    config: WITHOUT_STATUS,
    once: false,
    startProxy: startManifestProxy,
    output,
    signal: abort.signal,
    command: 'kube-splice',
    ...options,
  });
  onTestFinished(async () => {
    abort.abort();
    await ended.catch(() => undefined);
  });
  return { output, ended, abort };
}

/** Takes a port of the manifest, unless another program has it already: it is taken either way. */
async function take(startServer: typeof startWhoamiServer, port: number): Promise<void> {
  const server = await startServer({ name: 'other', address: '127.0.0.1', port }).catch(() => undefined);
  onTestFinished(() => server?.stop());
}

const unfair = (state: ServiceState): ServiceState => ({
  ...state,
  endpoints: new Map(
    [...state.endpoints].map(([name, all]) => [name, name === 'default/echo' ? all.slice(0, 2) : all]),
  ),
});

describe('kube-splice demo --once', () => {
  it('shows that TCP and UDP are balanced exactly, and leaves nothing behind', async () => {
    const before = openSockets();
    const { output, ended } = start({ once: true });
    expect(await within('the end of the demo', ended)).toBe(0);
    expect(output.text).toMatch(/^default\/whoami:http +9 requests +whoami-1 3 +whoami-2 3 +whoami-3 3$/m);
    expect(output.text).toMatch(/^default\/echo +9 datagrams +echo-1 3 +echo-2 3 +echo-3 3$/m);
    expect(output.text).toMatch(/\ndemo: ok\n$/);
    expect(openSockets()).toBe(before);
  });

  it('says what is wrong where it is not, and fails', async () => {
    const { output, ended } = start({
      once: true,
      startProxy: (config) => startManifestProxy(config, unfair),
    });
    await expect(within('the end of the demo', ended)).rejects.toMatchObject({ code: 'DEMO_FAILED' });
    expect(output.text).toMatch(/^default\/echo: echo-3 answered 0 times instead of 3$/m);
    expect(output.text).toMatch(/^default\/whoami:http +9 requests +whoami-1 3 +whoami-2 3 +whoami-3 3$/m);
    expect(output.text).not.toContain('demo: ok');
  });

  it('fails where the proxy knows of no Service', async () => {
    const none = () => EMPTY_STATE;
    const { output, ended } = start({ once: true, startProxy: (config) => startManifestProxy(config, none) });
    await expect(within('the end of the demo', ended)).rejects.toMatchObject({ code: 'DEMO_FAILED' });
    expect(output.text).toContain('the proxy knows of no Service\n');
  });

  it('fails when it is interrupted', async () => {
    const { output, ended } = start({ once: true, signal: AbortSignal.abort() });
    await expect(within('the end of the demo', ended)).rejects.toMatchObject({ code: 'DEMO_FAILED' });
    expect(output.text).toContain('it was interrupted\n');
  });

  it('works beside programs that hold its ports, and takes its copy of the manifest away', async () => {
    await take(startWhoamiServer, 28101);
    await take(startUdpEchoServer, 28203);
    const { output, ended } = start({ once: true });
    expect(await within('the end of the demo', ended)).toBe(0);
    expect(output.text).toMatch(/^Port 28101 is taken by another program: whoami-1 listens on \d+\.$/m);
    expect(output.text).toMatch(/^Port 28203 is taken by another program: echo-3 listens on \d+\.$/m);
    expect(output.text).toMatch(/\ndemo: ok\n$/);
    const copy = await output.find(/(\S+whoami\.yaml)$/m);
    await expect(access(dirname(copy))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('does without a status server where its address is taken', async () => {
    const other = await startWhoamiServer({ name: 'other', address: '127.0.0.1', port: 0 });
    onTestFinished(() => other.stop());
    const config = { ...DEMO_DEFAULT_CONFIG, statusAddress: { address: '127.0.0.1', port: other.port } };
    const { output, ended } = start({ once: true, config });
    expect(await within('the end of the demo', ended)).toBe(0);
    expect(output.text).toContain(
      `No status server: another program listens on 127.0.0.1:${other.port} already.\n`,
    );
  });

  it('leaves nothing behind when the proxy does not start', async () => {
    const before = openSockets();
    const { ended } = start({ once: true, startProxy: () => Promise.reject(new Error('no proxy today')) });
    await expect(within('the end of the demo', ended)).rejects.toThrow('no proxy today');
    expect(openSockets()).toBe(before);
  });
});

describe('kube-splice demo', () => {
  it('proxies to its servers on loopback, without packet rules, and counts', async () => {
    const asked: ProxyConfig[] = [];
    const { output, ended, abort } = start({
      startProxy: (config) => {
        asked.push(config);
        return startManifestProxy(config);
      },
    });
    const url = await output.find(/curl (http:\S+)/);
    const udpPort = await output.find(/nc -u -w1 127\.0\.0\.1 (\d+)/);
    const answers = [];
    for (let request = 0; request < 3; request += 1) answers.push(await (await fetch(url)).text());
    expect(answers.toSorted()).toEqual([1, 2, 3].map((id) => `viola from whoami-${id}\n`));
    const client = await UdpClient.connect({ address: '127.0.0.1', port: Number(udpPort) });
    expect(await client.ask('hello')).toMatch(/^echo-[123]: hello$/);
    await output.find(
      /^whoami 1\+1\+1 connections, echo (1\+0\+0|0\+1\+0|0\+0\+1) sessions, \S+ in, \S+ out$/m,
    );
    expect(asked).toMatchObject([{ bindAddress: '127.0.0.1', steering: 'none', statusAddress: null }]);
    abort.abort();
    expect(await within('the end of the demo', ended)).toBe(0);
    expect(output.text).toMatch(/\nThe demo has ended; nothing is left running\.\n$/);
    await expect(fetch(url)).rejects.toThrow();
  });

  it('keeps its counts on one line of a terminal', async () => {
    const { output, ended, abort } = start({}, new CapturedOutput(true));
    const url = await output.find(/curl (http:\S+)/);
    await output.find(/\rwhoami 0\+0\+0 connections/);
    expect(await (await fetch(url)).text()).toContain('viola');
    await output.find(/\rwhoami (1\+0\+0|0\+1\+0|0\+0\+1) connections/);
    abort.abort();
    await within('the end of the demo', ended);
    expect(output.text).toMatch(/out\nThe demo has ended/);
  });

  it('ends at once when it is ended before it began', async () => {
    const { ended } = start({ signal: AbortSignal.abort() });
    expect(await within('the end of the demo', ended)).toBe(0);
  });
});
