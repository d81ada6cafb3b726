import { type ChildProcesses, nextLine } from './child-processes.js';
import { isMessage, type Listening } from './messages.js';
import { type Addresses, addressesOf } from './services.js';

const HOST = '127.0.0.1';
const START_MS = 15_000;

/** The process behind every peer. */
export interface Endpoint {
  readonly addresses: Addresses;
  stop(): Promise<void>;
}

/** Starts it. Resolves when all of its services can be reached. @param loadProgram what `buildLoadProgram` made. */
export async function startEndpoint(loadProgram: string, children: ChildProcesses): Promise<Endpoint> {
  const child = children.spawn(loadProgram, ['endpoint']);
  const message: unknown = JSON.parse(await nextLine(child, 'endpoint', START_MS));
  if (!isMessage<Listening>(message, ['listening'])) throw new Error('endpoint: it does not listen');
  const addresses = addressesOf((service) => {
    const port = message.ports[service];
    if (port === undefined) throw new Error(`endpoint: it does not serve ${service}`);
    return { address: HOST, port };
  });
  return { addresses, stop: () => children.stop(child) };
}
