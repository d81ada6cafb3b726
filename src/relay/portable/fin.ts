import type { Socket } from 'node:net';

const NOTHING = Buffer.alloc(0);

/**
 * Calls `passOn` when the end of what `socket` sends is surely a FIN; where it was a reset, `socket` emits its error.
 * To be called at `'end'`.
 *
 * A reset that comes right behind data looks like a FIN: libuv reads the data, sees that there is no more to come, and
 * reports an end without ever asking the kernel for the error. A crash in the middle of an answer would pass as a
 * complete one. A write of no bytes sends nothing and returns the pending error (tcp(7)), so it tells the two apart.
 * After our own FIN nothing can be written, and there they stay alike.
 */
export function whenSurelyFin(socket: Socket, passOn: () => void): void {
  if (!socket.writable) {
    passOn();
  } else if (socket.writableLength > 0) {
    // What is waiting to be written finds the error by itself, in the same turn of the event loop.
    setImmediate(() => {
      if (socket.errored === null) passOn();
    });
  } else {
    socket.write(NOTHING, (error) => {
      if (error === null || error === undefined) passOn();
    });
  }
}
