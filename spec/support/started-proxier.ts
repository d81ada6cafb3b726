import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import type { PortRange } from '../../src/config/proxy-config.js';
import type { HoldPort } from '../../src/host/port-reservation.js';
import type { Endpoint } from '../../src/model/endpoint.js';
import type { KubeSpliceError } from '../../src/model/errors.js';
import type { ServicePort, ServicePortName } from '../../src/model/service-port.js';
import type { ServiceState } from '../../src/model/service-state.js';
import { Proxier } from '../../src/proxier/proxier.js';
import type { PortalAddress, PortalRequest, PortalRouting } from '../../src/relay/engine.js';
import { PortableRelay } from '../../src/relay/portable/portable-relay.js';
import { NoSteering } from '../../src/steering/none.js';
import type { Redirect, Steering, SteeringCheck, SteeringState } from '../../src/steering/steering.js';
import { within } from './deadline.js';
import { RecordingLogger } from './recording-logger.js';
import { RecordingObserver } from './recording-observer.js';

interface Setting {
  readonly steering?: Steering;
  readonly portRange?: PortRange | null;
  readonly syncPeriodMs?: number;
  readonly bindAddress?: string;
  readonly bindAddressForIPv6?: () => Promise<string>;
  readonly holdPort?: HoldPort;
  readonly relay?: RecordingRelay;
  readonly elapsed?: () => number;
  readonly syncEnded?: (durationMs: number) => void;
  readonly programmed?: (sinceMs: number) => void;
  readonly now?: () => number;
}

/** No port is held, and each is called so. */
const HOLD_NOTHING: HoldPort = () => Promise.resolve({ release: () => Promise.resolve() });

/** The portable relay, which remembers what it was asked to open and told. */
export class RecordingRelay extends PortableRelay {
  readonly asked: ServicePortName[] = [];
  readonly routings = new Map<ServicePortName, PortalRouting>();
  /** Called once, after the next open has begun and before it has ended. */
  whileOpening: () => void = () => undefined;

  /** What every open fails with, where there is something. */
  refuses: KubeSpliceError | null = null;

  override open(request: PortalRequest): Promise<PortalAddress> {
    if (this.refuses !== null) return Promise.reject(this.refuses);
    this.asked.push(request.name);
    this.routings.set(request.name, request.routing);
    const opening = super.open(request);
    this.whileOpening();
    this.whileOpening = () => undefined;
    return opening;
  }

  override route(name: ServicePortName, routing: PortalRouting): Promise<void> {
    this.routings.set(name, routing);
    return super.route(name, routing);
  }

  /** The endpoints that it was told lead back. */
  leadsBack(name: ServicePortName): readonly string[] {
    return [...(this.routings.get(name)?.leadsBack ?? [])];
  }
}

export const RELAY_OPTIONS = {
  udpIdleTimeoutMs: 250,
  maxOpenFiles: 2_000,
  maxUdpSessions: 100,
  observer: new RecordingObserver(),
};

/** A proxier on loopback, with a relay of its own; both end with the test. */
export function startProxier({
  steering = new NoSteering(),
  portRange = null,
  syncPeriodMs = 60_000,
  bindAddress = '127.0.0.1',
  bindAddressForIPv6 = () => Promise.resolve(bindAddress),
  holdPort = HOLD_NOTHING,
  relay = new RecordingRelay(RELAY_OPTIONS),
  ...others
}: Setting = {}) {
  const logger = new RecordingLogger();
  const proxier = new Proxier({
    relay,
    steering,
    portRange,
    syncPeriodMs,
    logger,
    bindAddress,
    bindAddressForIPv6,
    holdPort,
    now: Date.now,
    random: Math.random,
    ...others,
  });
  onTestFinished(async () => {
    await proxier.stop();
    await relay.shutdown(0);
  });
  return { proxier, relay, logger };
}

/** Service ports with their endpoints, none of which has endpoints of its own for external traffic. */
export function stateOf(...entries: readonly (readonly [ServicePort, ...Endpoint[]])[]): ServiceState {
  return {
    servicePorts: new Map(entries.map(([servicePort]) => [servicePort.name, servicePort])),
    endpoints: new Map(entries.map(([servicePort, ...endpoints]) => [servicePort.name, endpoints])),
    externalEndpoints: new Map(),
    readyLocalEndpoints: new Map(),
  };
}

/** The first bytes that the portal sends: the greeting of the endpoint that serves. */
export async function greetingOf(port: number, address = '127.0.0.1'): Promise<string> {
  const socket = connect(port, address);
  try {
    const [data] = await within('a greeting', once(socket, 'data'));
    return String(data);
  } finally {
    socket.destroy();
  }
}

/** Steering that remembers what it was told: it is one that writes rules, though to nowhere. */
export class RecordingSteering extends NoSteering implements Steering {
  readonly applied: (readonly Redirect[])[] = [];
  readonly states: SteeringState[] = [];
  readonly checks: SteeringCheck[] = [];

  override apply(state: SteeringState, check: SteeringCheck): Promise<readonly KubeSpliceError[]> {
    this.applied.push(state.redirects);
    this.states.push(state);
    this.checks.push(check);
    return Promise.resolve([]);
  }
}

/** Steering whose syncs end when the spec says so. */
export class HeldSteering extends NoSteering implements Steering {
  readonly applied: (readonly Redirect[])[] = [];
  readonly #release: (() => void)[] = [];

  override async apply({ redirects }: SteeringState): Promise<readonly KubeSpliceError[]> {
    this.applied.push(redirects);
    await new Promise<void>((resolve) => this.#release.push(resolve));
    return [];
  }

  release(): void {
    this.#release.shift()?.();
  }
}

/** Steering that fails for as long as it has a reason to. */
export class FailingSteering extends NoSteering implements Steering {
  reason: Error | null = new Error('the lock is held');
  /** What can't be steered, though the rest is. */
  problems: readonly KubeSpliceError[] = [];
  readonly checks: SteeringCheck[] = [];
  whileApplying: () => void = () => undefined;

  override apply(...[, check]: Parameters<Steering['apply']>): Promise<readonly KubeSpliceError[]> {
    this.checks.push(check);
    this.whileApplying();
    return this.reason === null ? Promise.resolve(this.problems) : Promise.reject(this.reason);
  }
}
