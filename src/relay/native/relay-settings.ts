import type { Logger } from '../../host/log.js';
import { type RelayConnection, RelayRefusal } from './relay-connection.js';
import type { RequestLines } from './relay-protocol.js';
import * as protocol from './relay-protocol.js';

/** What holds for all portals of a relay. */
export interface WantedSettings {
  /** ms without a datagram either way after which a UDP session ends. */
  readonly udpIdleTimeoutMs: number;
  /**
   * ms without a byte either way after which a connection of which one side has finished is reset, 0 for never; left as the relay
   * has it where left out.
   */
  readonly halfClosedTimeoutMs?: number | undefined;
  /** ms after which it ends while it owes an answer, where that is longer; 0 where left out. */
  readonly udpReplyTimeoutMs?: number | undefined;
  /** TCP connections that may be open at once, of all portals together; 0, or left out, is no limit. */
  readonly maxConnections?: number | undefined;
  /** Files that the relay may open; as many as the system allows where left out or more. */
  readonly maxOpenFiles?: number | undefined;
  /** At most; given how many files the relay may open. */
  readonly maxUdpSessions: (files: number) => number;
}

/**
 * Tells a relay that has been greeted what holds for all portals. What an older one does not know of, it does without: a warning
 * says so where it makes a difference.
 */
export async function settle(
  connection: RelayConnection,
  wanted: WantedSettings,
  logger: Logger,
): Promise<void> {
  const { files: allowed } = connection.greeting;
  const { udpIdleTimeoutMs, halfClosedTimeoutMs, udpReplyTimeoutMs = 0, maxConnections = 0 } = wanted;
  const files = wanted.maxOpenFiles === undefined ? undefined : Math.min(wanted.maxOpenFiles, allowed);
  const udpSessions = wanted.maxUdpSessions(files ?? allowed);
  const newer = async (request: RequestLines, matters: boolean, without: string): Promise<void> => {
    try {
      await connection.request(request);
    } catch (error) {
      if (!(error instanceof RelayRefusal)) throw error;
      if (matters) logger.warn(`the relay is older than kube-splice: ${without}`, { error: error.message });
    }
  };
  await Promise.all([
    connection.request(protocol.configure({ udpIdleMs: udpIdleTimeoutMs, udpSessions, files })),
    newer(
      protocol.configureReplies(udpReplyTimeoutMs),
      udpReplyTimeoutMs > 0,
      'UDP answers are not waited for beyond --udp-timeout',
    ),
    halfClosedTimeoutMs === undefined
      ? undefined
      : newer(
          protocol.configureHalfClosed(halfClosedTimeoutMs),
          true,
          'half-closed connections have no timeout',
        ),
    newer(protocol.configureConnections(maxConnections), maxConnections > 0, '--max-connections is not kept'),
  ]);
}
