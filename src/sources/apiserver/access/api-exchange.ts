import { request as httpRequest, type IncomingMessage } from 'node:http';
import { hostPort } from '../../../model/endpoint.js';
import { systemErrorCode } from '../../../model/errors.js';
import type { ApiAgent } from './api-agent.js';
import { type ApiResponse, apiResponse } from './api-response.js';
import { connectionError, unreachable } from './connection-error.js';
import type { ServerAddress } from './server-address.js';

/** One request. */
export interface Exchange {
  readonly agent: ApiAgent;
  readonly server: ServerAddress;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Each of them gives it up, with its reason. */
  readonly signals: readonly AbortSignal[];
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number | null;
}

/** A server may close a kept connection in the same moment as it is used again: that says nothing of the server. */
const CUT = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Sends a GET. Resolves when the headers of the answer have come.
 *
 * @throws KubeSpliceError as `connectionError` makes it; the reason of the signal that gave it up.
 */
export async function exchange(asked: Exchange): Promise<ApiResponse> {
  for (;;) {
    const tried = await attempt(asked);
    if (!('again' in tried)) return tried;
  }
}

/** `again` where a kept connection was cut before an answer: there are only so many of them. */
function attempt(asked: Exchange): Promise<ApiResponse | { readonly again: true }> {
  const { agent, server, path, headers, headersTimeoutMs } = asked;
  const where = hostPort(server.host, server.port);
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | null = null;
    const request = httpRequest({
      agent,
      host: server.host,
      port: server.port,
      path,
      headers,
      setHost: false,
    });
    const stopWatching = watchSignals(asked.signals, (reason) => {
      clearTimeout(timer);
      reject(reason);
      (answer ?? request).destroy(reason instanceof Error ? reason : new Error(String(reason)));
    });
    const timer = setTimeout(() => {
      const late = unreachable(where, `no answer within ${headersTimeoutMs / 1000} s`);
      reject(late);
      request.destroy(late);
    }, headersTimeoutMs);
    request.on('error', (error) => {
      if (request.reusedSocket && CUT.has(systemErrorCode(error) ?? '')) resolve({ again: true });
      else reject(connectionError(error, server));
    });
    request.once('response', (message) => {
      clearTimeout(timer);
      answer = message;
      resolve(apiResponse(message, { ...asked, ...bodyFaults(asked, where) }));
    });
    request.once('close', () => {
      clearTimeout(timer);
      stopWatching();
      // Node tells no error of a server that changes the protocol (101): nothing is to be heard of it any more.
      reject(unreachable(where, 'the connection was closed before an answer'));
    });
    request.end();
  });
}

function bodyFaults({ signals, server }: Exchange, where: string) {
  return {
    failure: (error: unknown): unknown => {
      const abandoned = signals.find(({ aborted }) => aborted);
      return abandoned === undefined ? connectionError(error, server) : abandoned.reason;
    },
    silence: (idleMs: number): Error => unreachable(where, `nothing more came within ${idleMs / 1000} s`),
  };
}

/** Calls back once, at once where one of them is aborted already. Returns how to stop that. */
function watchSignals(signals: readonly AbortSignal[], onAbort: (reason: unknown) => void): () => void {
  const stop = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', aborted);
  };
  const aborted = (): void => {
    stop();
    onAbort(signals.find((signal) => signal.aborted)?.reason);
  };
  for (const signal of signals) signal.addEventListener('abort', aborted);
  if (signals.some((signal) => signal.aborted)) queueMicrotask(aborted);
  return stop;
}
