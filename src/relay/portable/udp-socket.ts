import type { RemoteInfo } from 'node:dgram';
import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';

/** Datagrams received while this process is busy wait in the kernel; the system may allow less than is asked for. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** Beyond this much waiting to be sent, datagrams are dropped: UDP has no back-pressure, and memory stays flat. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

/** Addresses are numbers already. Without this, Node asks its resolver once for each datagram. */
function numeric(
  address: string,
  _options: unknown,
  resolved: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  resolved(null, address, address.includes(':') ? 6 : 4);
}

/**
 * An unbound socket of the family of `address`.
 *
 * `dgram-as-promised` looks after opening and closing. Datagrams come through `onMessage` and leave through `.socket`:
 * its `recv()` and its iterator listen for one datagram at a time, and whatever arrives between two calls is lost.
 */
export function udpSocket(
  address: string,
  onMessage: (message: Buffer, from: RemoteInfo) => void,
): SocketAsPromised {
  const family = address.includes(':')
    ? ({ type: 'udp6', ipv6Only: true } as const)
    : ({ type: 'udp4' } as const);
  return DgramAsPromised.createSocket({ ...family, lookup: numeric }, onMessage);
}

/** Asks the kernel for room for bursts. Call once the socket is bound. */
export function enlargeReceiveBuffer(socket: SocketAsPromised): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // Where the system refuses rather than gives less (ENOBUFS on BSD), its default serves as well.
  }
}

/** True where the socket has more waiting than it should: what is sent now is to be dropped. */
export function isCongested(socket: SocketAsPromised): boolean {
  return socket.socket.getSendQueueSize() > MAX_UNSENT_BYTES;
}
