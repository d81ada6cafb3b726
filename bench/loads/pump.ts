import type { Writable } from 'node:stream';
import { BULK_WRITE_BYTES } from '../services.js';

const CHUNK = Buffer.alloc(BULK_WRITE_BYTES, 'd');

/** Writes for as long as the socket is open, one write after the other; `taken` is told what the kernel took. */
export function pump(socket: Writable, taken: (bytes: number) => void = () => undefined): void {
  const next = (): void => {
    if (!socket.writable) return;
    socket.write(CHUNK, (error) => {
      if (error !== null && error !== undefined) return;
      taken(BULK_WRITE_BYTES);
      next();
    });
  };
  next();
}
