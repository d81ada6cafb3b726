import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Fault } from './faults.js';

/** Go writes the length of an answer that is shorter, and chunks any other. */
const SHORT_BYTES = 2_048;
/** A longer list is compressed for who accepts that (`defaultGzipThresholdBytes` of k8s.io/apiserver). */
const COMPRESSED_BYTES = 128 * 1024;

/** The answer to one request, as the fault that it meets leaves it. */
export class Answer {
  readonly #response: ServerResponse;
  readonly #fault: Fault | undefined;
  readonly #noteStatus: (status: number) => void;
  #parts = 0;
  #bytes = 0;
  #isSilent: boolean;
  #dripping: Buffer = Buffer.alloc(0);
  #dripTimer: NodeJS.Timeout | null = null;
  #endsWhenDripped = false;

  constructor(response: ServerResponse, fault: Fault | undefined, noteStatus: (status: number) => void) {
    this.#response = response;
    this.#fault = fault;
    this.#noteStatus = noteStatus;
    this.#isSilent = fault?.kind === 'silence';
    response.on('error', () => {});
    response.once('close', () => clearInterval(this.#dripTimer ?? undefined));
  }

  /** True once nothing can be sent any more. */
  get isClosed(): boolean {
    return this.#response.closed || this.#response.writableEnded || this.#response.destroyed;
  }

  onClose(listener: () => void): void {
    this.#response.once('close', listener);
  }

  /** Sends the headers, and leaves the body to `write`. */
  open(code: number, contentType = 'application/json'): void {
    this.#head(code, contentType, {});
    this.#response.flushHeaders();
    if (this.#fault?.kind === 'corrupt' && this.#fault.opening !== '')
      this.#send(Buffer.from(this.#fault.opening));
    this.#endIfDue();
  }

  /** Sends one part of the body. */
  write(text: string): void {
    if (this.#isSilent || this.isClosed) return;
    this.#send(Buffer.from(this.#changed(text)));
    this.#parts += 1;
    this.#endIfDue();
  }

  end(): void {
    if (this.#isSilent || this.isClosed) return;
    if (this.#fault?.kind === 'cut') this.#closeOnceSent();
    else if (this.#dripTimer !== null) this.#endsWhenDripped = true;
    else this.#response.end();
  }

  /** Answers whole. */
  whole(
    code: number,
    body: string,
    contentType = 'application/json',
    headers: Record<string, string> = {},
  ): void {
    const text = Buffer.from(this.#changed(body));
    const isCompressed = text.length > COMPRESSED_BYTES && acceptsGzip(this.#response);
    const bytes = isCompressed ? gzipSync(text, { level: 1 }) : text;
    this.#head(code, contentType, {
      ...(isCompressed ? { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } : {}),
      ...(bytes.length < SHORT_BYTES && this.#fault?.kind !== 'cut'
        ? { 'content-length': `${bytes.length}` }
        : {}),
      ...headers,
    });
    this.#response.flushHeaders();
    if (this.#isSilent) return;
    this.#send(bytes);
    this.end();
  }

  /** Closes the connection: at once, or after `rest` is sent. */
  cut(rest = ''): void {
    if (this.isClosed) return;
    if (rest === '') {
      this.#response.socket?.destroy();
      return;
    }
    this.#response.write(rest);
    this.#closeOnceSent();
  }

  /** Sends nothing from now on, and no end. */
  silence(): void {
    this.#isSilent = true;
  }

  #head(code: number, contentType: string, headers: Record<string, string>): void {
    this.#noteStatus(code);
    this.#response.writeHead(code, {
      'audit-id': randomUUID(),
      'cache-control': 'no-cache, private',
      'content-type': contentType,
      ...headers,
    });
  }

  #changed(text: string): string {
    return this.#fault?.kind === 'corrupt' ? this.#fault.change(text, this.#parts) : text;
  }

  #send(bytes: Buffer): void {
    if (this.#fault?.kind === 'cut') this.#sendUpTo(bytes, this.#fault.afterBytes);
    else if (this.#fault?.kind === 'drip') this.#drip(bytes, this.#fault.bytes, this.#fault.everyMs);
    else if (bytes.length > 0) this.#response.write(bytes);
  }

  #sendUpTo(bytes: Buffer, limit: number): void {
    const part = bytes.subarray(0, limit - this.#bytes);
    this.#bytes += part.length;
    this.#response.write(part);
    if (this.#bytes < limit) return;
    this.#closeOnceSent();
  }

  #drip(bytes: Buffer, count: number, everyMs: number): void {
    this.#dripping = Buffer.concat([this.#dripping, bytes]);
    this.#dripTimer ??= setInterval(() => {
      if (this.#dripping.length > 0) this.#response.write(this.#dripping.subarray(0, count));
      this.#dripping = this.#dripping.subarray(count);
      if (this.#dripping.length === 0 && this.#endsWhenDripped) this.#response.end();
    }, everyMs);
  }

  #endIfDue(): void {
    if (this.#fault?.kind === 'end' && this.#parts >= this.#fault.afterParts) this.end();
  }

  /** The end of an answer is left out, what comes before it is not: it is with the socket once this turn is over. */
  #closeOnceSent(): void {
    this.#isSilent = true;
    setImmediate(() => this.#response.socket?.destroySoon());
  }
}

function acceptsGzip({ req }: ServerResponse): boolean {
  return `${req.headers['accept-encoding'] ?? ''}`.includes('gzip');
}
