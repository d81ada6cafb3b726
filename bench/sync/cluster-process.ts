import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiServer } from '../../spec/support/api-server/api-server.js';
import { isMessage } from '../messages.js';
import { monotonicMs } from './clock.js';
import {
  type ClusterShape,
  ENDPOINTS_PER_SLICE,
  nodeObject,
  type ProbedEndpoints,
  probedServices,
  replacedEndpoint,
  serviceObject,
  sliceKeyOf,
  sliceObject,
} from './cluster-content.js';
import type { ClusterOrder, Done, Failed, Filled, Moved } from './messages.js';

/** The process of the API server: it fills the cluster, serves it, and changes it when told to. */

const server = await ApiServer.start();
/** Services that are not probed, by number: they are what changes beside. */
let others: readonly number[] = [];
let churn: NodeJS.Timeout | undefined;
let generation = 0;
/** The moment just before the last change of a slice was written to the sockets of watches. */
let writtenAt = 0;
// It listens before any watch does, so it is told first.
server.objects.store.subscribe('endpointslices', () => {
  writtenAt = monotonicMs();
});

async function carryOut(order: ClusterOrder): Promise<Filled | Moved | Done> {
  switch (order.kind) {
    case 'fill':
      return fill(order.shape, order.endpoints);
    case 'move':
      server.patch('endpointslices', sliceKeyOf(order.service), {
        ports: [{ name: 'http', protocol: 'TCP', port: order.port }],
      });
      return { kind: 'moved', writtenAt };
    case 'churn':
      clearInterval(churn);
      churn = order.perSecond === 0 ? undefined : setInterval(replaceOne, 1_000 / order.perSecond);
      return { kind: 'done' };
    case 'replace':
      for (let count = 0; count < order.count; count += 1) {
        replaceOne();
        await sleep(order.everyMs);
      }
      return { kind: 'done' };
  }
}

function fill(shape: ClusterShape, endpoints: ProbedEndpoints): Filled {
  const probed = new Set(probedServices(shape));
  const numbers = Array.from({ length: shape.services }, (_, number) => number);
  server.create('nodes', nodeObject());
  for (const number of numbers) {
    server.create('services', serviceObject(number));
    const object = sliceObject(number, randomUUID, probed.has(number) ? endpoints : undefined);
    server.create('endpointslices', object);
  }
  others = numbers.filter((number) => !probed.has(number));
  // What was created long ago is not in etcd's history any more.
  server.compact();
  return {
    kind: 'filled',
    url: server.url,
    serviceBytes: meanItemBytes('services'),
    sliceBytes: meanItemBytes('endpointslices'),
  };
}

function meanItemBytes(resource: 'services' | 'endpointslices'): number {
  const items = server.objects.store.list(resource);
  return items.reduce((sum, { itemText }) => sum + itemText.length, 0) / items.length;
}

/** A pod is replaced: its endpoint is another one. */
function replaceOne(): void {
  const number = others[Math.floor(Math.random() * others.length)];
  if (number === undefined) throw new Error('every Service is probed');
  const index = Math.floor(Math.random() * ENDPOINTS_PER_SLICE);
  generation += 1;
  const key = sliceKeyOf(number);
  const { endpoints } = server.objects.get('endpointslices', key);
  if (!Array.isArray(endpoints)) throw new Error(`${key} has no endpoints`);
  const replaced = endpoints.with(index, replacedEndpoint(number, index, generation, randomUUID));
  server.patch('endpointslices', key, { endpoints: replaced });
}

function answer(message: Filled | Moved | Done | Failed): void {
  process.send?.(message);
}

process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of the terminal; the bench ends this one when it is ready to.
process.on('SIGINT', () => undefined);
process.on('message', (message: unknown) => {
  if (!isMessage<ClusterOrder>(message, ['fill', 'move', 'churn', 'replace'])) return;
  carryOut(message).then(answer, (error: unknown) => {
    answer({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  });
});
