import { onTestFinished } from 'vitest';
import type { Endpoint, EndpointKey } from '../../src/model/endpoint.js';
import type { Protocol, ServicePortName, SessionAffinity } from '../../src/model/service-port.js';
import type { EndpointCounters, PortalCounters, RelayEngine, RelayObserver } from '../../src/relay/engine.js';
import { RecordingObserver } from '../support/recording-observer.js';
import { type TcpDial, type TcpPeer, tcpConnect } from '../support/tcp-peer.js';
import { UdpClient, type UdpDial } from '../support/udp-client.js';

/** What the contract specs decide about an engine; the rest is up to whoever starts it, and generous. */
export interface ContractEngineOptions {
  readonly udpIdleTimeoutMs: number;
  readonly udpReplyTimeoutMs?: number;
  /** How many files the engine may open. */
  readonly maxOpenFiles?: number;
  readonly maxUdpSessions?: number;
  readonly maxConnections?: number;
  readonly halfClosedTimeoutMs?: number;
  readonly observer: RelayObserver;
}

/** An engine that is a process of its own says which. */
export interface ProcessOfEngine {
  readonly pid?: number | undefined;
}

export type StartEngine = (options: ContractEngineOptions) => Promise<RelayEngine & ProcessOfEngine>;

const UDP_IDLE_TIMEOUT_MS = 10_000;
const LOOPBACK = '127.0.0.1';
export const NO_AFFINITY: SessionAffinity = { type: 'None' };

export interface PortalSetup {
  readonly endpoints: readonly Endpoint[];
  readonly sessionAffinity?: SessionAffinity;
  readonly protocol?: Protocol;
  readonly name?: ServicePortName;
  readonly address?: string;
  readonly port?: number;
  readonly leadsBack?: ReadonlySet<EndpointKey>;
  readonly maxConnections?: number;
}

/** An engine and what it told. It is shut down when the test ends. */
export class RelayUnderTest {
  private constructor(
    readonly engine: RelayEngine & ProcessOfEngine,
    readonly observer: RecordingObserver,
  ) {}

  static async start(
    start: StartEngine,
    options: Partial<Omit<ContractEngineOptions, 'observer'>> = {},
  ): Promise<RelayUnderTest> {
    const observer = new RecordingObserver();
    const engine = await start({ udpIdleTimeoutMs: UDP_IDLE_TIMEOUT_MS, ...options, observer });
    onTestFinished(() => engine.shutdown(0));
    return new RelayUnderTest(engine, observer);
  }

  async open(setup: PortalSetup): Promise<PortalUnderTest> {
    const { name = 'default/whoami:http', address = LOOPBACK, sessionAffinity = NO_AFFINITY } = setup;
    const opened = await this.engine.open({
      name,
      protocol: setup.protocol ?? 'TCP',
      address,
      port: setup.port ?? 0,
      routing: {
        endpoints: setup.endpoints,
        sessionAffinity,
        ...(setup.leadsBack === undefined ? {} : { leadsBack: setup.leadsBack }),
        ...(setup.maxConnections === undefined ? {} : { maxConnections: setup.maxConnections }),
      },
    });
    return new PortalUnderTest(this.engine, name, opened.address, opened.port);
  }
}

/** A portal of a relay under test, as its clients and as the proxier see it. */
export class PortalUnderTest {
  constructor(
    readonly engine: RelayEngine,
    readonly name: ServicePortName,
    readonly address: string,
    readonly port: number,
  ) {}

  connect(dial: Partial<TcpDial> = {}): Promise<TcpPeer> {
    return tcpConnect({ address: LOOPBACK, port: this.port, ...dial });
  }

  /** One whole connection, ended in order, to an endpoint that greets with a name of one letter. */
  async visit(dial: Partial<TcpDial> = {}): Promise<string> {
    const client = await this.connect(dial);
    const name = await client.text(1);
    client.finish();
    await client.rest();
    return name;
  }

  /** A client of a UDP portal. */
  udpClient(dial: Partial<UdpDial> = {}): Promise<UdpClient> {
    return UdpClient.connect({ address: LOOPBACK, port: this.port, ...dial });
  }

  /** In force when it resolves. */
  route(
    endpoints: readonly Endpoint[],
    sessionAffinity: SessionAffinity = NO_AFFINITY,
    leadsBack: ReadonlySet<EndpointKey> = new Set(),
  ): Promise<void> {
    return this.engine.route(this.name, { endpoints, sessionAffinity, leadsBack });
  }

  close(): Promise<void> {
    return this.engine.close(this.name);
  }

  async counters(): Promise<PortalCounters> {
    const counters = (await this.engine.counters()).get(this.name);
    if (counters === undefined) throw new Error(`no counters for ${this.name}`);
    return counters;
  }

  /** The counters of one endpoint; `undefined` where the portal has none for it. */
  async countersOf({ key }: { readonly key: string }): Promise<EndpointCounters | undefined> {
    return (await this.counters()).endpoints.get(key);
  }
}
