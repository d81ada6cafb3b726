import type { ServicePortName } from '../model/service-port.js';
import type { ServiceState } from '../model/service-state.js';
import type { PastRedirect } from '../steering/steering.js';
import { externalWays, internalWays, type WayIn } from './redirects.js';
import type { Traffic } from './wanted-portals.js';

/**
 * The ports that portals had in an earlier run, as the rules tell that it left behind. A portal that has its port again
 * needs no other rules: clients are served as soon as it listens.
 */
export class PastPorts {
  readonly #ports = new Map<string, number>();

  constructor(past: readonly PastRedirect[] = []) {
    for (const { protocol, address, port, portalPort } of past)
      this.#ports.set(trafficKey(protocol, address, port), portalPort);
  }

  /** Every port that rules lead to. */
  all(): ReadonlySet<number> {
    return new Set(this.#ports.values());
  }

  /** The port that this traffic of a service port was sent to; undefined where it was not sent anywhere. */
  of(name: ServicePortName, traffic: Traffic, state: ServiceState): number | undefined {
    const servicePort = state.servicePorts.get(name);
    if (servicePort === undefined || this.#ports.size === 0) return undefined;
    const ways: readonly WayIn[] =
      traffic === 'internal' ? internalWays(servicePort) : externalWays(servicePort, true);
    for (const { address, port } of ways) {
      const found = this.#ports.get(trafficKey(servicePort.protocol, address, port));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function trafficKey(protocol: string, address: string | null, port: number): string {
  return `${protocol} ${address ?? 'node'} ${port}`;
}
