import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../host/log.js';
import { type EndpointSlice, parseEndpointSlice } from '../../model/endpoint-slice.js';
import type { ServicePortVerdicts } from '../../model/endpoint-verdicts.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { Parsed } from '../../model/kubernetes-object.js';
import { parseEndpoints } from '../../model/legacy-endpoints.js';
import { type NodeFacts, parseNode } from '../../model/node.js';
import { quoted } from '../../model/printable.js';
import { parseService } from '../../model/service.js';
import { ServiceCatalog } from '../../model/service-catalog.js';
import type { ServicePortName } from '../../model/service-port.js';
import type { ServiceState } from '../../model/service-state.js';
import type { ServiceKey } from '../../model/slices-by-service.js';
import type { ServiceSource, SourceStatus } from '../source.js';
import type { ApiClient } from './access/api-client.js';
import type { Mirror } from './mirror.js';
import { ObjectMirror } from './object-mirror.js';
import { Reflector, type ReflectorObserver } from './reflector.js';
import { ENDPOINT_SLICES, ENDPOINTS, nodeResource, type Resource, SERVICES } from './resource.js';
import { type Part, ServerCondition } from './server-condition.js';
import type { RawObject } from './watch-event.js';

export interface ApiServerSourceOptions {
  /** The source's own: it is closed when the source stops. */
  readonly client: Pick<ApiClient, 'server' | 'get' | 'close'>;
  /** What the API server calls this node. */
  readonly nodeName: string;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** How long a watch may be silent, ms. */
  readonly longestSilenceMs?: number;
  /** Resolves after `ms`, or as soon as the signal is aborted: the waits between tries. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * The Services and endpoints of a cluster, from its API server:
 *
 *     API server ──list, watch──▶ Reflector ──▶ ObjectMirror ──▶ ServiceCatalog ──▶ ServiceState
 *
 * A reflector for the Services, one for their endpoints, one for this node. While the server is away the last state
 * stands: nothing new is delivered, and nothing is taken back.
 */
export class ApiServerSource implements ServiceSource {
  readonly #options: ApiServerSourceOptions;
  readonly #condition: ServerCondition;
  readonly #catalog: ServiceCatalog;
  readonly #services: ObjectMirror<unknown>;
  readonly #endpoints: ObjectMirror<unknown>;
  readonly #nodes: ObjectMirror<unknown>;
  readonly #stopping = new AbortController();
  /** What has to be known before the first state: the node decides which endpoints are near. */
  readonly #missing = new Set<Part>(['services', 'endpoints', 'node']);
  #running: Promise<unknown> = Promise.resolve();
  #deliver: (state: ServiceState) => void = () => undefined;
  #delivered: ServiceState | undefined;
  /** What endpoints are read from; null before they are. */
  #endpointsFrom: Resource | null = null;
  #node: NodeFacts | null = null;
  #nodeProblem: string | null = null;

  constructor(options: ApiServerSourceOptions) {
    const { client, nodeName, logger, now = Date.now } = options;
    this.#options = options;
    this.#condition = new ServerCondition({ server: client.server, logger, now });
    this.#catalog = new ServiceCatalog({ name: nodeName, zone: null });
    this.#services = new ObjectMirror({
      logger,
      parse: parseService,
      store: {
        set: (key, service) => this.#catalog.setService(key as ServiceKey, service),
        changed: () => this.#changed('services'),
      },
    });
    this.#endpoints = new ObjectMirror({
      logger,
      parse: endpointSlicesOf,
      store: {
        set: (key, slices) => this.#catalog.setSlices(key, slices ?? []),
        changed: (resource) => this.#endpointsChanged(resource),
      },
    });
    this.#nodes = new ObjectMirror({
      logger,
      parse: parseNode,
      store: { set: (_, node) => this.#setNode(node), changed: () => this.#nodeChanged() },
    });
  }

  /** Starts asking; the first state comes when the server has answered. Never fails: it is asked until it answers. */
  start(deliver: (state: ServiceState) => void): Promise<void> {
    this.#deliver = deliver;
    const { signal } = this.#stopping;
    const reflectors = [
      this.#reflector('services', [SERVICES], this.#services),
      this.#reflector('endpoints', [ENDPOINT_SLICES, ENDPOINTS], this.#endpoints),
      this.#reflector('node', [nodeResource(this.#options.nodeName)], this.#nodes),
    ];
    this.#running = Promise.all(reflectors.map((reflector) => reflector.run(signal)));
    return Promise.resolve();
  }

  reload(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#options.client.close();
  }

  verdicts(name: ServicePortName): ServicePortVerdicts | null {
    return this.#catalog.verdicts(name);
  }

  status(): readonly SourceStatus[] {
    const { client } = this.#options;
    return [
      {
        kind: 'apiserver',
        location: client.server,
        objects: this.#services.size + this.#endpoints.size,
        stale: this.#delivered !== undefined && !this.#condition.isConnected,
        connected: this.#condition.isConnected,
        connectionChangedAt: this.#condition.since,
        endpointApi: this.#endpointsFrom === null ? null : apiOf(this.#endpointsFrom),
        savedAt: null,
        errors: [
          ...this.#condition.errors,
          ...(this.#nodeProblem === null ? [] : [this.#nodeProblem]),
          ...[this.#services, this.#endpoints, this.#nodes].flatMap(({ problems }) => problems),
        ],
      },
    ];
  }

  /** This node as the API server has it; null where that is not known. */
  get node(): NodeFacts | null {
    return this.#node;
  }

  #reflector(part: Part, resources: readonly [Resource, ...Resource[]], mirror: Mirror): Reflector {
    const { client, random = Math.random, pause = delayed, longestSilenceMs } = this.#options;
    return new Reflector({
      client,
      resources,
      mirror,
      observer: this.#observer(part),
      random,
      now: () => performance.now(),
      pause,
      ...(longestSilenceMs === undefined ? {} : { longestSilenceMs }),
    });
  }

  #observer(part: Part): ReflectorObserver {
    return {
      answered: () => this.#condition.answered(part),
      failed: (error) => {
        this.#condition.failed(part, error);
        // Who may not read nodes proxies without knowing its own.
        if (part === 'node') this.#changed('node');
      },
    };
  }

  #endpointsChanged(resource: Resource): void {
    if (resource !== this.#endpointsFrom) {
      const { logger, client } = this.#options;
      logger.info('endpoints are read', { from: apiOf(resource), server: client.server });
      this.#endpointsFrom = resource;
    }
    this.#changed('endpoints');
  }

  #setNode(node: NodeFacts | undefined): void {
    if (node?.isLeaving === true && this.#node?.isLeaving !== true)
      this.#options.logger.info('this node is to be deleted: /healthz answers 503', { node: node.name });
    this.#node = node ?? null;
    this.#catalog.setNode({ name: this.#options.nodeName, zone: node?.zone ?? null });
  }

  #nodeChanged(): void {
    const { nodeName, logger } = this.#options;
    // One that is there and cannot be read is among the mirror's problems.
    const isAbsent = this.#node === null && this.#nodes.size === 0;
    const problem = isAbsent ? `the API server has no Node named ${quoted(nodeName)}` : null;
    if (problem !== null && this.#nodeProblem === null) {
      const error = new KubeSpliceError('NODE_UNKNOWN', problem);
      logger.warn(`${error.code}: ${error.message}`, { remedy: error.remedy });
    }
    this.#nodeProblem = problem === null ? null : `NODE_UNKNOWN: ${problem}`;
    this.#changed('node');
  }

  #changed(part: Part): void {
    this.#missing.delete(part);
    if (this.#missing.size > 0 || this.#stopping.signal.aborted) return;
    const state = this.#catalog.state();
    if (state === this.#delivered) return;
    this.#delivered = state;
    this.#deliver(state);
  }
}

function apiOf(resource: Resource): 'EndpointSlice' | 'Endpoints' {
  return resource === ENDPOINTS ? 'Endpoints' : 'EndpointSlice';
}

/** One object is one slice, a legacy Endpoints several. */
function endpointSlicesOf(object: RawObject, resource: Resource): Parsed<readonly EndpointSlice[]> {
  if (resource === ENDPOINTS) return parseEndpoints(object);
  const parsed = parseEndpointSlice(object);
  return parsed.outcome === 'parsed' ? { ...parsed, value: [parsed.value] } : parsed;
}

async function delayed(ms: number, signal: AbortSignal): Promise<void> {
  // It rejects for one reason, that the signal was aborted: then there is nothing to wait for.
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
