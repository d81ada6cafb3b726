/** Where a server of the demo is to listen, and what it calls itself. Port 0 lets the kernel choose. */
export interface ServerPlace {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** A server that listens. */
export interface ListeningServer {
  readonly port: number;
  stop(): Promise<void>;
}
