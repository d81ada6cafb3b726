import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import { type Endpoint, endpoint } from '../../src/model/endpoint.js';

const ADDRESS = '127.0.0.1';
/** A loopback connection is established at once or, where the queue is full, not at all. */
const UNANSWERED_AFTER_MS = 200;
const CLOSED = 1;

const LISTEN_AND_BLOCK = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer((socket) => socket.destroy());
  server.listen({ port: 0, host: '${ADDRESS}', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(workerData, 0, 0);
    server.close();
  });
`;

/**
 * An endpoint that answers no SYN, without privileges: a thread listens with the shortest backlog and then stands
 * still, so it accepts nothing, and connections of ours fill the backlog. Linux drops a SYN when the accept queue is
 * full (listen(2), tcp(7) `tcp_abort_on_overflow`). It ends with the test.
 */
export async function blackHole(): Promise<Endpoint> {
  const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(LISTEN_AND_BLOCK, { eval: true, workerData: gate });
  const exited = once(worker, 'exit');
  onTestFinished(async () => {
    Atomics.store(gate, 0, CLOSED);
    Atomics.notify(gate, 0);
    await exited;
  });
  const [port] = await once(worker, 'message');
  while (await connects(Number(port)));
  return endpoint(ADDRESS, Number(port));
}

/** Whether a connection is established, which then stays open in the queue. */
async function connects(port: number): Promise<boolean> {
  const socket = connect(port, ADDRESS);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(UNANSWERED_AFTER_MS) });
    return true;
  } catch {
    // A refusal here would be a different endpoint than promised.
    if (!socket.connecting) throw new Error('the port refuses instead of dropping');
    socket.destroy();
    return false;
  }
}
