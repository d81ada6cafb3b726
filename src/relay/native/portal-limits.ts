import type { Logger } from '../../host/log.js';
import type { ServicePortName } from '../../model/service-port.js';
import { type RelayConnection, RelayRefusal } from './relay-connection.js';
import { limit } from './relay-protocol.js';

/**
 * How many connections each portal of a relay may have open. The relay keeps a limit for as long as it has the portal, so that it
 * is told only of portals that have one, or may have had one.
 */
export class PortalLimits {
  readonly #mayBeLimited = new Set<ServicePortName>();
  #hasWarned = false;

  constructor(private readonly logger: Logger) {}

  /** Portals that the relay has had before this process came. */
  keptBefore(names: Iterable<ServicePortName>): void {
    for (const name of names) this.#mayBeLimited.add(name);
  }

  /**
   * Asks for it right behind the request that opens the portal, or later. Rejects only where the connection ends: a relay that is
   * older goes on without limits, which is told once.
   */
  async tell(
    connection: RelayConnection,
    name: ServicePortName,
    maxConnections: number | undefined,
  ): Promise<void> {
    if (maxConnections === undefined && !this.#mayBeLimited.has(name)) return;
    if (maxConnections !== undefined) this.#mayBeLimited.add(name);
    try {
      await connection.request(limit(name, maxConnections ?? 0));
      if (maxConnections === undefined) this.#mayBeLimited.delete(name);
    } catch (error) {
      if (!(error instanceof RelayRefusal)) throw error;
      // It could not be opened, or another peer has closed it: asked again with it.
      if (error.code === 'NO_PORTAL' || maxConnections === undefined || this.#hasWarned) return;
      this.#hasWarned = true;
      this.logger.warn('the relay is older than kube-splice: limits of connections are not kept', {
        servicePort: name,
        error: error.message,
      });
    }
  }
}
