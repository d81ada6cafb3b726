import type { IncomingMessage } from 'node:http';

/** What an API server answered; its headers are there, its body is on its way. */
export interface ApiResponse {
  readonly status: number;
  /** The value of a header, by its name in any case. */
  header(name: string): string | undefined;
  /**
   * Can be read once. Leaving the loop early closes the connection. Throws `KubeSpliceError` where the connection
   * breaks or falls silent, and the signal's reason where the request was given up.
   */
  readonly body: AsyncIterable<Buffer>;
  /** Closes the connection; for a body that nobody reads. */
  destroy(): void;
}

export interface ResponseOptions {
  /** The longest wait for the next bytes, ms; null for any. Time that the reader takes itself does not count. */
  readonly idleTimeoutMs: number | null;
  /** What a broken body is to its reader. */
  readonly failure: (error: unknown) => unknown;
  /** The error of a body that fell silent. */
  readonly silence: (idleMs: number) => Error;
}

export function apiResponse(message: IncomingMessage, options: ResponseOptions): ApiResponse {
  // It may break before anybody reads: the error is kept for the reader, and must not end the process.
  message.on('error', () => undefined);
  return {
    status: message.statusCode ?? 0,
    header: (name) => {
      const value = message.headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: bodyOf(message, options),
    destroy: () => {
      message.destroy();
    },
  };
}

async function* bodyOf(
  message: IncomingMessage,
  { idleTimeoutMs, failure, silence }: ResponseOptions,
): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = message[Symbol.asyncIterator]();
  let waiting = false;
  const timer =
    idleTimeoutMs === null
      ? null
      : setTimeout(() => {
          if (waiting) message.destroy(silence(idleTimeoutMs));
        }, idleTimeoutMs);
  try {
    for (;;) {
      waiting = true;
      timer?.refresh();
      const next = await chunks.next();
      waiting = false;
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    throw failure(error);
  } finally {
    if (timer !== null) clearTimeout(timer);
    // A body that was read whole leaves its connection for the next request; one that was left early does not.
    if (!message.readableEnded) message.destroy();
  }
}
