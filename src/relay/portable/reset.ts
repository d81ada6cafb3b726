import type { Socket } from 'node:net';

/**
 * Ends a connection with a reset (RST) in place of a FIN, discarding what is unsent.
 *
 * While the FIN of an earlier `end()` is on its way into the kernel, libuv refuses to reset, and Node would then leave
 * the descriptor open for ever: in that moment, one turn of the event loop long, the reset waits for the FIN.
 */
export function reset(socket: Socket): void {
  const finUnderWay = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (finUnderWay && !socket.destroyed) socket.once('finish', () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}
