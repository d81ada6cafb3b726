import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type ChildProcesses, nextMessage } from './child-processes.js';
import { isMessage, type Listening } from './messages.js';
import type { Addresses } from './services.js';

const ENDPOINT_PROCESS = fileURLToPath(new URL('./endpoint-process.js', import.meta.url));
const START_MS = 15_000;

/** The process behind every peer. */
export interface Endpoint {
  readonly addresses: Addresses;
  stop(): Promise<void>;
}

/** Starts it. Resolves when all of its services can be reached. */
export async function startEndpoint(children: ChildProcesses): Promise<Endpoint> {
  const child: ChildProcess = children.fork(ENDPOINT_PROCESS);
  const message = await nextMessage(child, 'endpoint', START_MS);
  if (!isMessage<Listening>(message, ['listening'])) throw new Error('endpoint: it does not listen');
  return { addresses: message.addresses, stop: () => children.stop(child) };
}
