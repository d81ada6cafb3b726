import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { UdpClient } from '../support/udp-client.js';
import type { SoakedProxy } from './soaked-proxy.js';

export interface SoakFault {
  readonly name: string;
  /** Done when it resolves, undone what has to be. `random` is uniform in [0, 1). */
  readonly happen: (proxy: SoakedProxy, random: () => number) => Promise<void>;
}

const STOPPED_MS = 1_500;
const RUDE_CLIENTS = 100;
const RUDE_MS = 1_000;
const FLOODING_CLIENTS = 200;
const MANY_SERVICES = 100;
const FLAPS = 10;
const FLAP_MS = 100;

/** What may happen to a proxy that has clients. None of it is a reason for one of them to fail. */
export const SOAK_FAULTS: readonly SoakFault[] = [
  { name: 'another relay takes over', happen: (proxy) => proxy.upgradeRelay() },
  { name: 'the control process is killed', happen: (proxy) => proxy.restartControl('SIGKILL') },
  { name: 'the control process is restarted', happen: (proxy) => proxy.restartControl('SIGTERM') },
  {
    name: 'the control process stands still',
    happen: async (proxy) => {
      proxy.control.program.signal('SIGSTOP');
      await pause(STOPPED_MS);
      proxy.control.program.signal('SIGCONT');
    },
  },
  {
    name: 'endpoints flap',
    happen: async (proxy) => {
      for (let i = 0; i < FLAPS; i++) {
        proxy.declare({ webEndpoints: i % 2 === 0 ? 1 : 2 });
        await pause(FLAP_MS);
      }
      proxy.declare({ webEndpoints: 2 });
    },
  },
  {
    name: 'many Services appear and vanish',
    happen: async (proxy) => {
      proxy.declare({ moreServices: MANY_SERVICES });
      await proxy.hasServices(MANY_SERVICES);
      proxy.declare({ moreServices: 0 });
      await proxy.hasServices(0);
    },
  },
  {
    name: 'rude clients',
    happen: async (proxy, random) => {
      await Promise.all(Array.from({ length: RUDE_CLIENTS }, () => beRude(proxy, random)));
    },
  },
  {
    name: 'a flood of UDP sessions',
    happen: async (proxy) => {
      await Promise.all(
        Array.from({ length: FLOODING_CLIENTS }, async () => {
          const client = await UdpClient.connect(proxy.dns);
          await client.send('flood');
          await client.close();
        }),
      );
    },
  },
  {
    name: 'SIGHUP and SIGUSR1',
    happen: async (proxy) => {
      proxy.control.program.signal('SIGHUP');
      proxy.control.program.signal('SIGUSR1');
      await proxy.control.program.says(/state: end/);
    },
  },
];

/** One client that resets, vanishes in the middle, half-closes and waits, or sends a byte at a time. */
async function beRude(proxy: SoakedProxy, random: () => number): Promise<void> {
  const socket = connect({ host: proxy.web.address, port: proxy.web.port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.resume();
  const how = Math.floor(random() * 4);
  socket.write('x'.repeat(Math.floor(random() * 100_000)));
  await pause(random() * RUDE_MS);
  if (how === 0) socket.resetAndDestroy();
  else if (how === 1) socket.destroy();
  else if (how === 2) await endInOrder(socket);
  else await dribble(socket, random);
  if (!socket.destroyed) socket.destroy();
}

async function endInOrder(socket: Socket): Promise<void> {
  socket.end();
  if (!socket.readableEnded) await once(socket, 'end');
}

async function dribble(socket: Socket, random: () => number): Promise<void> {
  for (let i = 0; i < 10 && !socket.destroyed; i++) {
    socket.write('y');
    await pause(random() * 50);
  }
  expect(socket.errored).toBeNull();
}
