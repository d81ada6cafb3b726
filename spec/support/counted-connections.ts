import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A port of 127.0.0.1 that counts who comes: tries that fail before a request are seen nowhere else. */
export class CountedConnections {
  /** How many connections were accepted. */
  count = 0;

  private constructor(readonly port: number) {}

  /** Leads to another port of 127.0.0.1. */
  static to(port: number): Promise<CountedConnections> {
    return CountedConnections.#listen((client) => {
      const onward = connect(port, '127.0.0.1');
      onward.on('error', () => client.destroy());
      onward.once('close', () => client.destroy());
      client.once('close', () => onward.destroy());
      client.pipe(onward).pipe(client);
    });
  }

  /** Answers whatever comes first with these bytes and a FIN; without any, resets at once. */
  static answering(bytes: string): Promise<CountedConnections> {
    return CountedConnections.#listen((client) => {
      if (bytes === '') client.resetAndDestroy();
      else client.once('data', () => client.end(bytes));
    });
  }

  static async #listen(serve: (client: Socket) => void): Promise<CountedConnections> {
    const server = createServer((client) => {
      counted.count += 1;
      client.on('error', () => {});
      serve(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const counted = new CountedConnections((server.address() as AddressInfo).port);
    onTestFinished(() => void server.close());
    return counted;
  }
}
