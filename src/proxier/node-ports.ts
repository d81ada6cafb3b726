import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../host/log.js';
import type { HeldPort, HoldPort } from '../host/port-reservation.js';
import { KubeSpliceError } from '../model/errors.js';
import type { Protocol, ServicePort, ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';

/** Ports taken at the same time, as of portals. */
const HOLDING_AT_ONCE = 32;

/** `30080/TCP`: TCP and UDP have ports of their own. */
type NodePortKey = `${number}/${Protocol}`;

/** A node port that service ports have. */
interface ClaimedPort {
  readonly protocol: Protocol;
  readonly port: number;
  /** Never empty, but in the midst of a change. */
  readonly claimants: Set<ServicePortName>;
  /** The socket that keeps other programs away; null as long as it can't be had. */
  held: HeldPort | null;
  /** Why it could not be held when that was tried last. */
  error: KubeSpliceError | null;
}

/** What node ports are held with. */
export interface NodePortsOptions {
  /** Throws `NODE_PORT_IN_USE`, `NODE_PORT_UNAVAILABLE`. */
  readonly hold: HoldPort;
  readonly logger: Logger;
}

/**
 * The node ports of the service ports, held so that no other program takes one unnoticed. Of several service ports with
 * the same one it is that of the first by name, as everything is that two service ports claim.
 */
export class NodePorts {
  readonly #claimed = new Map<NodePortKey, ClaimedPort>();
  /** What each service port claims. */
  readonly #claims = new Map<ServicePortName, NodePortKey>();
  readonly #failed = new Map<ServicePortName, { readonly error: KubeSpliceError }>();

  constructor(private readonly options: NodePortsOptions) {}

  /** Whether a service port has its node port, and no other program can. False for one that wants none. */
  isHeld(servicePort: ServicePortName): boolean {
    const key = this.#claims.get(servicePort);
    return key !== undefined && holder(this.#claimed.get(key)) === servicePort;
  }

  /** Why a service port does not have its node port: `NODE_PORT_IN_USE`, `NODE_PORT_UNAVAILABLE`, `STEERING_CONFLICT`. */
  get failed(): ReadonlyMap<ServicePortName, { readonly error: KubeSpliceError }> {
    return this.#failed;
  }

  /**
   * Lets go of the node ports that the state no longer holds, then takes those that it holds anew. What can't be had is
   * in `failed`, is told once, and is tried again when its service port is among these.
   *
   * @param servicePorts those that may have changed; nothing else is looked at.
   * @returns these, and the others for which `isHeld` is another than before: of several with the same node port, the one
   *   that gave way, or comes next.
   */
  async reconcile(
    servicePorts: Iterable<ServicePortName>,
    state: ServiceState,
  ): Promise<ReadonlySet<ServicePortName>> {
    const affected = new Set(servicePorts);
    const holders = new Map<NodePortKey, ServicePortName | undefined>();
    const touch = (key: NodePortKey): void => {
      if (!holders.has(key)) holders.set(key, holder(this.#claimed.get(key)));
    };
    for (const name of affected) this.#claim(name, state.servicePorts.get(name), touch);
    await this.#releaseUnclaimed(holders.keys());
    await this.#holdClaimed(holders.keys());
    for (const [key, before] of holders) {
      const claimed = this.#claimed.get(key);
      const now = holder(claimed);
      if (claimed !== undefined) this.#tell(claimed);
      if (now !== before) for (const name of [before, now]) if (name !== undefined) affected.add(name);
    }
    return affected;
  }

  /** Lets go of every port. Harmless when repeated. */
  async close(): Promise<void> {
    const held = Array.from(this.#claimed.values(), (claimed) => claimed.held?.release());
    this.#claimed.clear();
    this.#claims.clear();
    this.#failed.clear();
    await Promise.all(held);
  }

  #claim(
    name: ServicePortName,
    servicePort: ServicePort | undefined,
    touch: (key: NodePortKey) => void,
  ): void {
    const old = this.#claims.get(name);
    const wanted = nodePortOf(servicePort);
    if (old !== undefined) touch(old);
    if (wanted !== undefined) touch(wanted.key);
    if (old === wanted?.key) return;
    if (old !== undefined) this.#claimed.get(old)?.claimants.delete(name);
    this.#failed.delete(name);
    if (wanted === undefined) {
      this.#claims.delete(name);
      return;
    }
    const { key, protocol, port } = wanted;
    this.#claims.set(name, key);
    const claimed = this.#claimed.get(key);
    if (claimed !== undefined) claimed.claimants.add(name);
    else this.#claimed.set(key, { protocol, port, claimants: new Set([name]), held: null, error: null });
  }

  async #releaseUnclaimed(keys: Iterable<NodePortKey>): Promise<void> {
    const releasing: Promise<void>[] = [];
    for (const key of keys) {
      const claimed = this.#claimed.get(key);
      if (claimed === undefined || claimed.claimants.size > 0) continue;
      this.#claimed.delete(key);
      if (claimed.held === null) continue;
      releasing.push(claimed.held.release());
      this.options.logger.detail(2, 'node port released', { nodePort: key });
    }
    await Promise.all(releasing);
  }

  async #holdClaimed(keys: Iterable<NodePortKey>): Promise<void> {
    const missing = [...keys].flatMap((key) => {
      const claimed = this.#claimed.get(key);
      return claimed?.held === null ? [claimed] : [];
    });
    const next = missing.values();
    const holdOneAfterAnother = async (): Promise<void> => {
      for (const claimed of next) {
        await this.#hold(claimed);
        // A port can be had without a turn of the event loop: thousands of them would let nobody else in.
        await nextTurn();
      }
    };
    const holders = Math.min(HOLDING_AT_ONCE, missing.length);
    await Promise.all(Array.from({ length: holders }, holdOneAfterAnother));
  }

  async #hold(claimed: ClaimedPort): Promise<void> {
    const { protocol, port } = claimed;
    try {
      claimed.held = await this.options.hold(protocol, port);
      claimed.error = null;
      this.options.logger.detail(2, 'node port held', { nodePort: keyOf(protocol, port) });
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      claimed.error = error;
    }
  }

  /** Each reason once for each service port, however often it is tried. */
  #tell(claimed: ClaimedPort): void {
    const owner = firstByName(claimed.claimants);
    for (const name of claimed.claimants) {
      const error = name === owner ? ownError(name, claimed) : conflict(name, owner, claimed);
      if (error === null) {
        this.#failed.delete(name);
        continue;
      }
      if (this.#failed.get(name)?.error.message === error.message) continue;
      this.#failed.set(name, { error });
      this.options.logger.error(`${error.code}: ${error.message}`, { remedy: error.remedy });
    }
  }
}

function nodePortOf(
  servicePort: ServicePort | undefined,
): { key: NodePortKey; protocol: Protocol; port: number } | undefined {
  if (servicePort === undefined || servicePort.nodePort === null) return undefined;
  const { protocol, nodePort: port } = servicePort;
  return { key: keyOf(protocol, port), protocol, port };
}

function keyOf(protocol: Protocol, port: number): NodePortKey {
  return `${port}/${protocol}`;
}

/** The service port that has it; undefined as long as it is not held. */
function holder(claimed: ClaimedPort | undefined): ServicePortName | undefined {
  return claimed === undefined || claimed.held === null ? undefined : firstByName(claimed.claimants);
}

function firstByName(names: Iterable<ServicePortName>): ServicePortName | undefined {
  let first: ServicePortName | undefined;
  for (const name of names) if (first === undefined || name < first) first = name;
  return first;
}

function ownError(name: ServicePortName, { error }: ClaimedPort): KubeSpliceError | null {
  if (error === null) return null;
  return new KubeSpliceError(error.code, `${name}: ${error.message}`, { cause: error });
}

function conflict(
  name: ServicePortName,
  owner: ServicePortName | undefined,
  { protocol, port }: ClaimedPort,
): KubeSpliceError {
  return new KubeSpliceError(
    'STEERING_CONFLICT',
    `${name}: ${owner} has node port ${keyOf(protocol, port)} already, and keeps it`,
  );
}
