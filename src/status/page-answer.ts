/** What a client asked for. */
export interface PageRequest {
  readonly query: URLSearchParams;
  /** What the client calls this server (the Host header); empty where it does not say. */
  readonly host: string;
  /** Of the client, as its socket tells it; empty where the client has gone. */
  readonly remoteAddress: string;
  /** Aborted once the client has gone, the answer is whole or the server stops. */
  readonly signal: AbortSignal;
}

/** What a page answers. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /**
   * Parts come as they are made, and ask for no more than the client reads. They end with the iterable, with the client or
   * with the server, whichever ends first; where nothing is sent for too long, the server takes the client for gone.
   */
  readonly body: string | AsyncIterable<string | Buffer>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asked anew for every request. */
export type Page = (request: PageRequest) => Answer | Promise<Answer>;

/** By path. */
export type Pages = ReadonlyMap<string, Page>;

/** An answer in JSON, which is text already. */
export function json(status: number, body: string): Answer {
  return { status, contentType: 'application/json', body };
}

/** An answer in plain text. */
export function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}
