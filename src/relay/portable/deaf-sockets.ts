import type { Socket } from 'node:net';

const NOTHING = Buffer.alloc(0);
const PROBE_INTERVAL_MS = 1000;

/**
 * Sockets that are not being read, because their peer has sent its FIN or because the other side of the connection does
 * not keep up. Node does not watch such a socket, so a reset of it would go unnoticed for as long as nothing is written
 * to it, and the connection would be kept for ever. A write of no bytes sends nothing, but it fails where the socket has
 * been reset (tcp(7): a pending error is returned by the next operation): so each of them is asked once a second.
 */
export class DeafSockets {
  readonly #sockets = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;

  add(socket: Socket): void {
    this.#sockets.add(socket);
    this.#timer ??= setInterval(() => this.#probe(), PROBE_INTERVAL_MS).unref();
  }

  delete(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  #probe(): void {
    if (this.#sockets.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    for (const socket of this.#sockets) {
      // What is waiting to be written will find the error by itself; after our own FIN nothing can be written.
      if (socket.writable && socket.writableLength === 0) socket.write(NOTHING);
    }
  }
}
