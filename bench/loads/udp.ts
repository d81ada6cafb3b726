import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { DATAGRAM_BYTES, type SocketAddress } from '../services.js';
import type { RunningLoad } from './running-load.js';

const DATAGRAM = Buffer.alloc(DATAGRAM_BYTES, 'd');

/** How long an answer may take before its datagram counts as lost and is sent again, ms. */
const PATIENCE_MS = 200;

interface Flow {
  readonly socket: Socket;
  answers: number;
  /** `answers` when the flow was last looked at: the same again means that it waits in vain. */
  seen: number;
}

/** Flows with a client address each, and one datagram under way: the next leaves when the answer has come. */
export async function startUdp(
  { address, port }: SocketAddress,
  count: number,
  failed: (error: Error) => void,
): Promise<RunningLoad> {
  let lost = 0;
  const flows: readonly Flow[] = Array.from({ length: count }, () => {
    const flow: Flow = { socket: createSocket('udp4'), answers: 0, seen: -1 };
    flow.socket.on('error', failed);
    flow.socket.on('message', () => {
      flow.answers += 1;
      flow.socket.send(DATAGRAM);
    });
    flow.socket.connect(port, address);
    return flow;
  });
  await Promise.all(flows.map(({ socket }) => once(socket, 'connect')));
  for (const { socket } of flows) socket.send(DATAGRAM);
  const watch = setInterval(() => {
    for (const flow of flows) {
      if (flow.answers === flow.seen) {
        lost += 1;
        flow.socket.send(DATAGRAM);
      }
      flow.seen = flow.answers;
    }
  }, PATIENCE_MS);
  return {
    done: () => flows.reduce((sum, { answers }) => sum + answers, 0),
    lost: () => lost,
    stop: async () => {
      clearInterval(watch);
      await Promise.all(
        flows.map(({ socket }) => new Promise<void>((resolve) => socket.close(() => resolve()))),
      );
    },
  };
}
