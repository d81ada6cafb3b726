import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad } from './loads/load.js';
import { allConnected, closeAll, tcpSocket } from './loads/tcp-socket.js';
import { type Answer, isMessage, type Order } from './messages.js';
import { readCpu, readResidentBytes } from './proc.js';
import { REQUEST_BYTES, RESPONSE_BYTES, type SocketAddress } from './services.js';

/** The process that makes the load, and measures: counts and CPU are read in the same instant, at both ends of a window. */

const REQUEST = Buffer.alloc(REQUEST_BYTES, 'q');

/** Connections begun together before memory is read for the first time, and in each step to the whole number. */
const IDLE_STEP = 50;

/** How long memory may settle before it is read, ms. */
const SETTLE_MS = 100;

async function carryOut(order: Order): Promise<Answer> {
  switch (order.kind) {
    case 'measure':
      return measure(order);
    case 'hold-idle':
      return holdIdle(order);
  }
}

async function measure(order: Extract<Order, { kind: 'measure' }>): Promise<Answer> {
  const failure = new AbortController();
  const failed = (error: Error): void => failure.abort(error);
  const load = await startLoad(order.load, order.at, failed);
  const readings = () => ({
    ...readCpu(order.pids),
    done: load.done(),
    lost: load.lost(),
    ms: performance.now(),
  });
  try {
    await sleep(order.warmUpMs, undefined, { signal: failure.signal });
    const before = readings();
    await sleep(order.windowMs, undefined, { signal: failure.signal });
    const after = readings();
    return {
      kind: 'measured',
      done: after.done - before.done,
      lost: after.lost - before.lost,
      seconds: (after.ms - before.ms) / 1000,
      peerCpuMs: difference(before.processesMs, after.processesMs),
      machineCpuMs: difference(before.machineMs, after.machineMs),
    };
  } catch (error) {
    throw failure.signal.aborted ? failure.signal.reason : error;
  } finally {
    await load.stop();
  }
}

/** Opens connections that have each carried a request, and leaves them idle: what did the peer's memory grow by? */
async function holdIdle(order: Extract<Order, { kind: 'hold-idle' }>): Promise<Answer> {
  const held = await holdConnections(order.at.requests, IDLE_STEP);
  try {
    await sleep(SETTLE_MS);
    const before = readResidentBytes(order.pids);
    while (held.length < IDLE_STEP + order.connections) {
      held.push(...(await holdConnections(order.at.requests, IDLE_STEP)));
    }
    await sleep(SETTLE_MS);
    const grown = difference(before, readResidentBytes(order.pids));
    return { kind: 'held-idle', bytesPerConnection: grown === null ? null : grown / order.connections };
  } finally {
    await closeAll(held);
  }
}

async function holdConnections(at: SocketAddress, count: number) {
  let expected = count * RESPONSE_BYTES;
  let answered: () => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const allAnswered = new Promise<void>((resolve, reject) => {
    answered = resolve;
    failed = reject;
  });
  const received = (bytes: number): void => {
    expected -= bytes;
    if (expected === 0) answered();
  };
  const sockets = Array.from({ length: count }, () => tcpSocket(at, received, failed));
  for (const socket of sockets) socket.write(REQUEST);
  await Promise.all([allConnected(sockets), allAnswered]);
  return sockets;
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

function answer(message: Answer): void {
  process.send?.(message);
}

process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; the bench ends this one when it is ready to.
process.on('SIGINT', () => undefined);
process.on('message', (message: unknown) => {
  if (!isMessage<Order>(message, ['measure', 'hold-idle'])) return;
  carryOut(message).then(answer, (error: unknown) => {
    answer({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
});
