import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { parseEndpointSlice } from '../../../src/model/endpoint-slice.js';
import { parseService } from '../../../src/model/service.js';
import { ServiceCatalog } from '../../../src/model/service-catalog.js';
import type { ServiceState } from '../../../src/model/service-state.js';
import { serviceKey } from '../../../src/model/slices-by-service.js';
import type { ApiServer } from '../../support/api-server/api-server.js';
import { cutAfter, garbageLine, halfList, tooManyRequests } from '../../support/api-server/faults.js';
import type { Backup } from '../../support/api-server/object-store.js';
import type { ResourceName } from '../../support/api-server/resources.js';
import { startApiServer } from '../../support/api-server/started-api-server.js';
import { clusterSource } from '../../support/cluster-source.js';
import { eventually } from '../../support/deadline.js';
import { nodeObject, serviceObject, sliceObject } from '../../support/kubernetes-objects.js';
import { seededRandom } from '../../support/seeded-random.js';

/** `SOAK_SEED=… SOAK_STEPS=…` repeats a failure, or goes on for longer. */
const SEED = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 32));
const STEPS = Number(process.env.SOAK_STEPS ?? 400);

const SELECTED = ['services', 'endpointslices'] as const;
const FOREIGN = 'service.kubernetes.io/service-proxy-name';

type Random = () => number;

/** Does one thing to the cluster, or to whoever watches it. */
class Chaos {
  #backup: Backup | undefined;
  /** What may end in a new list, and how often it was done. */
  readonly done = new Map<string, number>();

  constructor(
    private readonly server: ApiServer,
    private readonly random: Random,
  ) {}

  async step(): Promise<void> {
    const roll = this.random();
    if (roll < 0.8) this.#change();
    else await this.#disturb();
    // Now and then the proxy gets no turn between two steps.
    if (this.random() < 0.7) await delay(this.random() * 8);
  }

  #change(): void {
    const name = `s${this.#below(12)}`;
    if (this.random() < 0.4) this.#changeService(name);
    else this.#changeSlice(`${name}-${this.#below(3)}`, name);
  }

  #changeService(name: string): void {
    const key = `default/${name}`;
    if (!this.#has('services', key)) {
      this.server.create('services', serviceObject({ clusterIP: undefined }, { name }));
    } else if (this.random() < 0.4) this.server.delete('services', key);
    else if (this.random() < 0.3) {
      const foreign = this.random() < 0.5 ? 'other' : null;
      this.server.patch('services', key, { metadata: { labels: { [FOREIGN]: foreign } } });
    } else {
      const sessionAffinity = this.random() < 0.5 ? 'ClientIP' : 'None';
      this.server.patch('services', key, { spec: { sessionAffinity } });
    }
  }

  #changeSlice(name: string, service: string): void {
    const key = `default/${name}`;
    const endpoints = Array.from({ length: this.#below(4) }, () => ({
      addresses: [`10.0.0.${this.#below(20) + 1}`],
      conditions: { ready: this.random() < 0.8 },
    }));
    const labels = { 'kubernetes.io/service-name': service };
    if (!this.#has('endpointslices', key))
      this.server.create(
        'endpointslices',
        sliceObject(endpoints, { metadata: { name, namespace: 'default', labels } }),
      );
    else if (this.random() < 0.25) this.server.delete('endpointslices', key);
    else this.server.patch('endpointslices', key, { endpoints });
  }

  async #disturb(): Promise<void> {
    const { server } = this;
    const resource = SELECTED[this.#below(2)];
    const disturbances: Record<string, () => void | Promise<void>> = {
      cut: () => server.cutWatches(resource),
      'cut in an event': () => server.cutWatches(resource, '{"type":"MODIFIED","object":{"kind":"Se'),
      end: () => server.endWatches(resource),
      silence: () => server.silenceWatches(resource),
      bookmark: () => server.sendBookmarks(),
      compact: () => server.compact(),
      'compact and cut': () => {
        server.compact();
        server.cutWatches();
      },
      restart: () => server.restart(),
      away: async () => {
        await server.pause();
        for (let count = 0; count < 5; count += 1) this.#change();
        if (this.random() < 0.5) server.compact();
        await server.resume();
      },
      garbage: () => server.sendToWatches('<html>bad gateway</html>\n', resource),
      'half a list': () => server.faults.next({ kind: 'list' }, halfList),
      'a cut list': () => server.faults.next({ kind: 'list' }, cutAfter(this.#below(3_000))),
      'a watch that begins with garbage': () => server.faults.next({ kind: 'watch' }, garbageLine()),
      busy: () => server.faults.next(() => true, tooManyRequests(1)),
      backup: () => {
        this.#backup = server.backup();
      },
      restore: () => this.#restore(),
    };
    const names = Object.keys(disturbances);
    const name = names[this.#below(names.length)] ?? 'cut';
    this.done.set(name, (this.done.get(name) ?? 0) + 1);
    await disturbances[name]?.();
  }

  /**
   * Goes back to a backup. resourceVersions then come a second time, and nothing tells a change of the second time from
   * one of the first: it is quiet until the proxy has noticed, as it is after the restore of a real etcd.
   */
  async #restore(): Promise<void> {
    const { server } = this;
    if (this.#backup === undefined) return;
    const before = server.requests.all.length;
    server.restore(this.#backup);
    for (const resource of SELECTED)
      await eventually(() => {
        const watch = server.requests.all
          .slice(before)
          .findLast((request) => request.kind === 'watch' && request.resource === resource);
        expect(Number(watch?.query.resourceVersion ?? Number.NaN)).toBeLessThanOrEqual(
          server.resourceVersion,
        );
        expect(server.openWatches(resource)).toBe(1);
      }, 20_000);
  }

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  #has(resource: ResourceName, key: string): boolean {
    return this.server.objects.store.get(resource, key) !== undefined;
  }
}

/** What the cluster is now, read from nothing. */
function expectedState({ objects }: ApiServer): ServiceState {
  const catalog = new ServiceCatalog({ name: 'node-a', zone: null });
  const all = (resource: ResourceName) =>
    objects.store
      .list(resource)
      .flatMap(({ itemText, labels }): unknown[] => (FOREIGN in labels ? [] : [JSON.parse(itemText)]));
  for (const object of all('services')) {
    const parsed = parseService(object);
    if (parsed.outcome === 'parsed') catalog.setService(serviceKey(parsed.value), parsed.value);
  }
  for (const object of all('endpointslices')) {
    const parsed = parseEndpointSlice(object);
    if (parsed.outcome === 'parsed') catalog.setSlices(`default/${parsed.value.name}`, [parsed.value]);
  }
  return catalog.state();
}

function plain(state: ServiceState | undefined) {
  const { servicePorts, endpoints } = state ?? { servicePorts: [], endpoints: [] };
  return {
    servicePorts: Object.fromEntries(servicePorts),
    endpoints: Object.fromEntries([...endpoints].map(([name, list]) => [name, list.map(({ key }) => key)])),
  };
}

describe('the source of a cluster in which everything goes wrong', () => {
  it(`ends with the state of the server, seed ${SEED}`, { timeout: 120_000 }, async () => {
    const random = seededRandom(SEED);
    // In a quiet cluster nothing but this spec counts resourceVersions on: `#restore` depends on it.
    const server = await startApiServer({ bookmarkIntervalMs: 50, isQuietCluster: true });
    server.create('nodes', nodeObject([]));
    const { states } = await clusterSource(server, { random, longestSilenceMs: 250 });
    const chaos = new Chaos(server, random);
    for (let step = 0; step < STEPS; step += 1) await chaos.step();
    await eventually(() => expect(plain(states.last)).toEqual(plain(expectedState(server))), 20_000);
    // What the proxy has it has for good: the last change of all arrives in a quiet cluster too.
    server.create('services', serviceObject({ clusterIP: undefined }, { name: 'last' }));
    await eventually(() => expect(plain(states.last)).toEqual(plain(expectedState(server))));
    expect(states.last?.servicePorts.has('default/last:http')).toBe(true);
  });
});
