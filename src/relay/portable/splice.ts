import type { Socket } from 'node:net';
import type { DeafSockets } from './deaf-sockets.js';
import { whenSurelyFin } from './fin.js';
import { reset } from './reset.js';

/** Bytes that may wait to be sent before the other side is no longer read: twice what Node reads at once. */
const MAX_UNSENT_BYTES = 128 * 1024;

/**
 * Chunks that may wait to be sent, beside the limit in bytes: each costs some 500 bytes of its own, and a peer that sends a byte at
 * a time must not turn 128 KiB into 60 MB.
 */
const MAX_UNSENT_CHUNKS = 64;

/** Told what passes. */
export interface SpliceObserver {
  /** Payload bytes read from the client and handed to the endpoint's socket. */
  in(bytes: number): void;
  /** Payload bytes read from the endpoint and handed to the client's socket. */
  out(bytes: number): void;
  /** A side has sent its FIN, and all that it sent has been handed on. Once for each. */
  finished(): void;
  /** A side was reset or lost; the other is being reset. */
  broken(side: 'client' | 'endpoint', error: Error): void;
  /** Both sockets are closed. Once. */
  closed(): void;
}

/**
 * Joins two open sockets (both `allowHalfOpen`) until both are closed.
 *
 *     client ──data──▶ endpoint      data: written as it is read; not read while the other side's buffer is full
 *     client ──FIN───▶ endpoint      FIN:  passed on behind the data; the other direction goes on
 *     client ──RST───▶ endpoint      RST:  passed on at once, overtaking what is buffered
 *
 * and the same from endpoint to client. Both sockets belong to the splice from here on.
 */
export function splice(client: Socket, endpoint: Socket, deaf: DeafSockets, observer: SpliceObserver): void {
  let open = 2;
  const closed = (): void => {
    open -= 1;
    if (open === 0) observer.closed();
  };
  const finished = (): void => observer.finished();
  carry(client, endpoint, deaf, (bytes) => observer.in(bytes), finished);
  carry(endpoint, client, deaf, (bytes) => observer.out(bytes), finished);
  breakTogether(client, endpoint, (error) => observer.broken('client', error));
  breakTogether(endpoint, client, (error) => observer.broken('endpoint', error));
  for (const socket of [client, endpoint]) {
    socket.on('close', () => {
      deaf.delete(socket);
      closed();
    });
    socket.resume();
  }
}

function carry(
  from: Socket,
  to: Socket,
  deaf: DeafSockets,
  count: (bytes: number) => void,
  finished: () => void,
): void {
  let unsent = 0;
  const sent = (): void => {
    unsent -= 1;
    if (unsent > 0 || !from.isPaused()) return;
    // One that has ended stays deaf.
    if (!from.readableEnded) deaf.delete(from);
    from.resume();
  };
  from.on('data', (chunk: Buffer) => {
    count(chunk.length);
    unsent += 1;
    to.write(chunk, sent);
    if (to.writableLength < MAX_UNSENT_BYTES && unsent < MAX_UNSENT_CHUNKS) return;
    from.pause();
    deaf.add(from);
  });
  from.on('end', () => {
    deaf.add(from);
    whenSurelyFin(from, () => {
      to.end();
      finished();
    });
  });
}

function breakTogether(side: Socket, other: Socket, broken: (error: Error) => void): void {
  side.on('error', (error) => {
    if (!other.destroyed) {
      broken(error);
      reset(other);
    }
  });
}
