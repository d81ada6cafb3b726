import type { Logger } from '../host/log.js';
import type { RateLimitedLog } from '../host/rate-limited-log.js';
import { hostPort } from '../model/endpoint.js';
import type { FailureReason, RelayFailure, RelayObserver } from './engine.js';

/** `-v` from which every try is told, those included after which another endpoint was tried. */
const EVERY_TRY_LEVEL = 4;

const WHAT_HAPPENED: Readonly<Record<FailureReason, string>> = {
  'no-endpoints': 'no endpoints',
  'dial-refused': 'the endpoint refused the connection',
  'dial-timeout': 'the endpoint did not answer in time',
  'dial-unreachable': 'the endpoint is unreachable',
  'dial-failed': 'the endpoint could not be reached',
  'endpoint-reset': 'the endpoint reset the connection',
  'icmp-refused': 'the endpoint refused a datagram',
  'leads-back': 'the endpoint is an address that leads back to the Service',
  'out-of-files': 'out of file descriptors',
  'too-many-connections': 'too many connections are open',
  'half-closed-timeout': 'one side had finished, and nothing came of the other for too long',
};

/**
 * Tells what an engine tells as log lines. A failing service port has a line for each reason now and then, whatever the
 * number of its clients: thousands a second would cost more than the connections they are about.
 */
export function relayLog(log: Logger, limited: RateLimitedLog): RelayObserver {
  return {
    failure(failure) {
      if (failure.final) {
        const { protocol, reason, name } = failure;
        const what = protocol === 'TCP' ? 'connection failed' : 'datagram dropped';
        limited.warn(`${name} ${reason}`, `${what}: ${WHAT_HAPPENED[reason]}`, fieldsOf(failure));
      } else if (log.shows(EVERY_TRY_LEVEL)) {
        log.detail(
          EVERY_TRY_LEVEL,
          `another endpoint is tried: ${WHAT_HAPPENED[failure.reason]}`,
          fieldsOf(failure),
        );
      }
    },
    filesExhausted(limit) {
      log.warn('out of file descriptors: new connections wait, open ones go on', { limit });
    },
    filesAvailable() {
      log.info('there are file descriptors again: connections are accepted');
    },
    udpSessionsExhausted(limit) {
      log.warn('the UDP session table is full: sessions that are idle longest make room', { limit });
    },
    connectionsExhausted(name, limit) {
      log.warn('as many connections are open as may be: new ones wait until one ends', {
        ...(name === null ? {} : { servicePort: name }),
        limit,
      });
    },
  };
}

function fieldsOf({ name, protocol, client, endpoint, detail }: RelayFailure) {
  return {
    servicePort: name,
    protocol,
    client: hostPort(client.address, client.port),
    endpoint: endpoint?.key,
    detail,
  };
}
