import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../support/deadline.js';
import { type StartedRelay, startRelayProgram } from '../support/native-relay-program.js';
import { filesOf, residentBytes } from '../support/process-footprint.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { echo, TcpEndpoint } from '../support/tcp-endpoint.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { echoDatagram, UdpEndpoint } from '../support/udp-endpoint.js';

/** No other spec uses it. */
const ADDRESS = '127.0.4.57';
const SYNCED_MS = 60_000;
const MANIFESTS_OF_ONE_ENDPOINT = 1;

/** What the manifest is to say. */
export interface Declared {
  readonly webEndpoints?: number;
  readonly moreServices?: number;
}

/** What the two processes hold. */
export interface Footprint {
  readonly relayFiles: number;
  readonly relayBytes: number;
  readonly controlFiles: number;
  readonly controlBytes: number;
}

/**
 * kube-splice and a relay of its own socket, both real processes, with Services `web` and `dns` whose endpoints echo.
 * What happens to it, it survives, or the spec fails. It ends with the test.
 */
export class SoakedProxy {
  #declared: Required<Declared> = { webEndpoints: 2, moreServices: 0 };

  private constructor(
    private readonly socket: string,
    private readonly manifest: string,
    private readonly endpoints: {
      readonly tcp: readonly TcpEndpoint[];
      readonly udp: readonly UdpEndpoint[];
    },
    public relay: StartedRelay,
    public control: RunningProgram,
    readonly web: { readonly address: string; readonly port: number },
    readonly dns: { readonly address: string; readonly port: number },
  ) {}

  static async start(): Promise<SoakedProxy> {
    const directory = temporaryDirectory();
    const [socket, manifest] = [join(directory, 'relay.sock'), join(directory, 'services.yaml')];
    const endpoints = {
      tcp: [await TcpEndpoint.listen(echo), await TcpEndpoint.listen(echo)],
      udp: [await UdpEndpoint.bind(echoDatagram), await UdpEndpoint.bind(echoDatagram)],
    };
    writeServices(manifest, endpoints, { webEndpoints: 2, moreServices: 0 });
    const relay = await startRelayProgram(socket, '--threads', '2');
    const control = await startControl(socket, manifest);
    const at = async (name: string) => ({
      address: ADDRESS,
      port: await control.portOf(`default/${name}:main`),
    });
    return new SoakedProxy(socket, manifest, endpoints, relay, control, await at('web'), await at('dns'));
  }

  async upgradeRelay(): Promise<void> {
    const old = this.relay;
    this.relay = await startRelayProgram(this.socket, '--threads', '2', '--take-over');
    expect(await old.ended).toBe(0);
  }

  async restartControl(signal: NodeJS.Signals): Promise<void> {
    this.control.program.signal(signal);
    await this.control.program.ended();
    this.control = await startControl(this.socket, this.manifest);
  }

  declare(declared: Declared): void {
    this.#declared = { ...this.#declared, ...declared };
    writeServices(this.manifest, this.endpoints, this.#declared);
  }

  /** Resolves when the proxy serves so many beside its two. */
  async hasServices(more: number): Promise<void> {
    await eventually(async () => {
      const { servicePorts } = await this.control.report();
      expect(servicePorts.filter(({ portal }) => portal !== null)).toHaveLength(2 + more);
    }, SYNCED_MS);
  }

  footprint(): Footprint {
    const [relay, control] = [this.relay.pid, this.control.program.pid];
    return {
      relayFiles: filesOf(relay),
      relayBytes: residentBytes(relay),
      controlFiles: filesOf(control),
      controlBytes: residentBytes(control),
    };
  }
}

function startControl(socket: string, manifest: string): Promise<RunningProgram> {
  return RunningProgram.start(ADDRESS, [
    '--relay-socket',
    socket,
    '--udp-timeout',
    '3s',
    '--manifests',
    manifest,
  ]);
}

function writeServices(
  manifest: string,
  { tcp, udp }: { readonly tcp: readonly TcpEndpoint[]; readonly udp: readonly UdpEndpoint[] },
  { webEndpoints, moreServices }: Required<Declared>,
): void {
  const of = (endpoints: readonly (TcpEndpoint | UdpEndpoint)[]) => endpoints.map(({ endpoint }) => endpoint);
  writeManifest(
    manifest,
    serviceManifest('web', of(tcp.slice(0, webEndpoints))),
    serviceManifest('dns', of(udp), { protocol: 'UDP' }),
    ...Array.from({ length: moreServices }, (_, index) =>
      serviceManifest(`more-${index}`, of(tcp.slice(0, MANIFESTS_OF_ONE_ENDPOINT))),
    ),
  );
}
