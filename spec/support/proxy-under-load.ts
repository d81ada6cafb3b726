import { join } from 'node:path';
import { type StartedRelay, startRelayProgram, startRelayWithFewFiles } from './native-relay-program.js';
import { type ProgramOptions, RunningProgram, serviceManifest, writeManifest } from './program.js';
import { SteadyLoad } from './steady-load.js';
import { echo, TcpEndpoint } from './tcp-endpoint.js';
import { temporaryDirectory } from './temporary-directory.js';
import { echoDatagram, UdpEndpoint } from './udp-endpoint.js';

const CLIENTS = { kept: 20, reconnecting: 10, udp: 5 };
/** Questions of each kind before anything happens. */
const SOME = 300;

export interface LoadedProxy {
  /** A loopback address that no other spec uses at the same time. */
  readonly address: string;
  readonly flags?: readonly string[];
  readonly program?: ProgramOptions;
  readonly clients?: Partial<typeof CLIENTS>;
  /** Of the relay. */
  readonly openFiles?: number;
}

/**
 * kube-splice and a native relay of its own socket, both real processes, with Services `web` (three endpoints) and `dns` (one),
 * all of which echo, and steady clients of both. It ends with the test.
 */
export class ProxyUnderLoad {
  private constructor(
    readonly proxy: RunningProgram,
    readonly relay: StartedRelay,
    readonly load: SteadyLoad,
    readonly tcpPort: number,
    readonly udpPort: number,
    private readonly manifest: string,
    private readonly web: readonly TcpEndpoint[],
    private readonly dns: UdpEndpoint,
  ) {}

  static async start(wanted: LoadedProxy): Promise<ProxyUnderLoad> {
    const { address, flags = [], program, clients, openFiles } = wanted;
    const socket = join(temporaryDirectory(), 'relay.sock');
    const threads = ['--threads', '2'];
    const relay =
      openFiles === undefined
        ? await startRelayProgram(socket, ...threads)
        : await startRelayWithFewFiles(openFiles, socket, ...threads);
    const web = [
      await TcpEndpoint.listen(echo),
      await TcpEndpoint.listen(echo),
      await TcpEndpoint.listen(echo),
    ];
    const dns = await UdpEndpoint.bind(echoDatagram);
    const manifest = join(temporaryDirectory(), 'services.yaml');
    declare(manifest, web, dns, 0);
    const argv = ['--relay-socket', socket, '--udp-timeout', '30s', '--manifests', manifest, ...flags];
    const proxy = await RunningProgram.start(address, argv, program);
    const tcpPort = await proxy.portOf('default/web:main');
    const udpPort = await proxy.portOf('default/dns:main');
    const load = await SteadyLoad.start({ address, tcpPort, udpPort, ...CLIENTS, ...clients });
    await load.more(SOME);
    return new ProxyUnderLoad(proxy, relay, load, tcpPort, udpPort, manifest, web, dns);
  }

  /** What the manifest says from now on: so many endpoints of `web`, from the first one that is named, and more Services. */
  declare({ endpoints = this.web.length, first = 0, moreServices = 0 }): void {
    const turned = [...this.web.slice(first), ...this.web.slice(0, first)];
    declare(this.manifest, turned.slice(0, endpoints), this.dns, moreServices);
  }

  /** How many Services have a portal. */
  async openPortals(): Promise<number> {
    return (await this.proxy.report()).servicePorts.filter(({ portal }) => portal !== null).length;
  }
}

function declare(path: string, web: readonly TcpEndpoint[], dns: UdpEndpoint, moreServices: number): void {
  const [first] = web;
  writeManifest(
    path,
    serviceManifest(
      'web',
      web.map(({ endpoint }) => endpoint),
    ),
    serviceManifest('dns', [dns.endpoint], { protocol: 'UDP' }),
    ...Array.from({ length: moreServices }, (_, index) =>
      serviceManifest(`more-${index}`, first === undefined ? [] : [first.endpoint]),
    ),
  );
}

export async function healthCode({ statusAddress, statusPort }: RunningProgram): Promise<number> {
  return (await fetch(`http://${statusAddress}:${statusPort}/healthz`)).status;
}
