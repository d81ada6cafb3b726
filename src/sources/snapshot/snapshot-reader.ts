import { parseAddress } from '../../model/address.js';
import { type Endpoint, endpoint } from '../../model/endpoint.js';
import { KubeSpliceError } from '../../model/errors.js';
import { Field } from '../../model/field.js';
import { fieldPathText } from '../../model/field-error.js';
import { PersistentMap } from '../../model/persistent-map.js';
import type { ServicePort, ServicePortName } from '../../model/service-port.js';
import type { ServiceState } from '../../model/service-state.js';
import { readServicePort } from './service-port-fields.js';
import { OLDEST_SNAPSHOT_VERSION, SNAPSHOT_VERSION, type SnapshotHeader } from './snapshot-lines.js';

/** The lists that a service port may have. */
type EndpointList = 'endpoints' | 'externalEndpoints' | 'readyLocalEndpoints';

/** Those that a line may hold, by the version of the snapshot. */
const LISTS_OF_VERSION_1: readonly EndpointList[] = ['endpoints', 'externalEndpoints'];
const LISTS: readonly EndpointList[] = [...LISTS_OF_VERSION_1, 'readyLocalEndpoints'];

/**
 * Makes a state of the lines of a snapshot, and trusts none of them: what comes out is what an API server could have
 * said, whoever wrote the file. One of version 1 says nothing of readiness: the endpoints on the node that traffic from
 * outside may use count as ready then. Every method throws a KubeSpliceError `SNAPSHOT_UNREADABLE` that names the line.
 */
export class SnapshotReader {
  readonly #servicePorts = new Map<ServicePortName, ServicePort>();
  readonly #lists: Readonly<Record<EndpointList, Map<ServicePortName, Endpoint[]>>> = {
    endpoints: new Map(),
    externalEndpoints: new Map(),
    readyLocalEndpoints: new Map(),
  };
  /** Keys of the service port being read, so that none is there twice. */
  readonly #keys: Readonly<Record<EndpointList, Set<string>>> = {
    endpoints: new Set(),
    externalEndpoints: new Set(),
    readyLocalEndpoints: new Set(),
  };
  #version = SNAPSHOT_VERSION;
  #line = 0;
  #header: SnapshotHeader | undefined;
  #current: ServicePort | undefined;
  #isEnded = false;

  /** What the first line said; `undefined` before it was added. */
  get header(): SnapshotHeader | undefined {
    return this.#header;
  }

  /** Takes the next line, in UTF-8 and without its end. */
  add(bytes: Uint8Array): void {
    this.#line += 1;
    const line = Field.root(this.#parse(bytes));
    if (this.#isEnded) throw this.#refusal('there is more after the end');
    if (!line.mapping()) line.missing('give an object');
    else if (this.#header === undefined) this.#header = this.#readHeader(line);
    else if (line.child('servicePort').present) this.#readServicePort(line.child('servicePort'));
    else if (line.child('end').value === true) this.#end();
    else this.#readEndpoints(line);
    this.#assertSound(line);
  }

  /** The state, once every line has been added. */
  end(): ServiceState {
    if (this.#line === 0) throw new KubeSpliceError('SNAPSHOT_UNREADABLE', 'it is empty');
    if (!this.#isEnded) throw this.#refusal('the file was cut: its last line is missing');
    return {
      servicePorts: PersistentMap.from(this.#servicePorts),
      endpoints: PersistentMap.from(this.#lists.endpoints),
      externalEndpoints: PersistentMap.from(this.#lists.externalEndpoints),
      readyLocalEndpoints: PersistentMap.from(this.#lists.readyLocalEndpoints),
    };
  }

  #parse(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(UTF8.decode(bytes));
    } catch (error) {
      throw this.#refusal(error instanceof SyntaxError ? 'it is not JSON' : 'it is not UTF-8');
    }
  }

  #readHeader(line: Field): SnapshotHeader {
    const version = line.child('version').integer('a version', 0, Number.MAX_SAFE_INTEGER);
    // Nothing else in the line can be relied on before its version is known.
    this.#assertSound(line);
    if (version === undefined || version < OLDEST_SNAPSHOT_VERSION || version > SNAPSHOT_VERSION)
      throw this.#refusal(versionText(version));
    this.#version = version;
    const [savedAt, server, nodeName] = [line.child('savedAt'), line.child('server'), line.child('nodeName')];
    for (const field of [savedAt, server]) if (!field.present) field.missing('give a text');
    const saved = savedAt.text() ?? '';
    if (savedAt.present && Number.isNaN(Date.parse(saved))) savedAt.reject('is not a time');
    return { savedAt: saved, server: server.text() ?? '', nodeName: nodeName.text() ?? null };
  }

  #readServicePort(field: Field): void {
    const servicePort = readServicePort(field);
    this.#assertSound(field);
    this.#finishServicePort();
    if (this.#servicePorts.has(servicePort.name)) throw this.#refusal(`${servicePort.name} is there twice`);
    this.#servicePorts.set(servicePort.name, servicePort);
    this.#current = servicePort;
    for (const keys of Object.values(this.#keys)) keys.clear();
  }

  #readEndpoints(line: Field): void {
    const kinds = this.#version === 1 ? LISTS_OF_VERSION_1 : LISTS;
    const kind = kinds.find((name) => line.child(name).present);
    if (kind === undefined) throw this.#refusal('it is neither a service port nor endpoints nor the end');
    if (this.#current === undefined) throw this.#refusal('there is no service port before it');
    const lists = this.#lists[kind];
    const list = lists.get(this.#current.name) ?? [];
    lists.set(this.#current.name, list);
    const field = line.child(kind);
    if (!Array.isArray(field.value)) field.reject('is not a list');
    else this.#addEndpoints(field, field.value, list, this.#keys[kind]);
  }

  #addEndpoints(field: Field, written: readonly unknown[], list: Endpoint[], keys: Set<string>): void {
    for (const [index, key] of written.entries()) {
      const found = parseEndpoint(key);
      if (found === undefined || keys.has(found.key)) {
        // A Field for each of 100,000 endpoints would cost more than the rest: only one that is wrong is named.
        field.items()[index]?.reject(found === undefined ? NO_ENDPOINT : 'is there twice');
        return;
      }
      keys.add(found.key);
      list.push(found);
    }
  }

  #end(): void {
    this.#finishServicePort();
    this.#isEnded = true;
  }

  #finishServicePort(): void {
    if (this.#current === undefined) return;
    const { name } = this.#current;
    const [has, should] = [this.#lists.externalEndpoints.has(name), hasExternalEndpoints(this.#current)];
    if (has && !should) throw this.#refusal(`${name} has external endpoints, and nothing that leads to them`);
    if (!has && should) throw this.#refusal(`${name} has no list of its external endpoints`);
    this.#finishReadyLocal(this.#current);
  }

  #finishReadyLocal(servicePort: ServicePort): void {
    const { name, healthCheckNodePort } = servicePort;
    const lists = this.#lists.readyLocalEndpoints;
    if (this.#version === 1 && healthCheckNodePort !== null)
      lists.set(name, this.#externalOnNode(servicePort));
    const [has, should] = [lists.has(name), healthCheckNodePort !== null];
    if (has && !should)
      throw this.#refusal(`${name} has ready endpoints on the node, and nobody who asks for them`);
    if (!has && should) throw this.#refusal(`${name} has no list of its ready endpoints on the node`);
  }

  /** Those that traffic from outside may use, where its policy leaves only those on the node; else nobody knows. */
  #externalOnNode(servicePort: ServicePort): Endpoint[] {
    const { name, internalTrafficPolicy, externalTrafficPolicy } = servicePort;
    if (externalTrafficPolicy !== 'Local') return [];
    const shared = internalTrafficPolicy === 'Local' ? this.#lists.endpoints.get(name) : undefined;
    return this.#lists.externalEndpoints.get(name) ?? shared ?? [];
  }

  #assertSound({ errors: [first] }: Field): void {
    if (first === undefined) return;
    const path = fieldPathText(first.path);
    throw this.#refusal(path === '' ? first.message : `${path}: ${first.message}`);
  }

  #refusal(text: string): KubeSpliceError {
    return new KubeSpliceError('SNAPSHOT_UNREADABLE', `line ${this.#line}: ${text}`);
  }
}

/** Whether the state has a list of external endpoints for this service port, as ServiceState promises. */
function hasExternalEndpoints(servicePort: ServicePort): boolean {
  const { nodePort, externalIPs, loadBalancerIPs, internalTrafficPolicy, externalTrafficPolicy } =
    servicePort;
  const isReached = nodePort !== null || externalIPs.length > 0 || loadBalancerIPs.length > 0;
  return isReached && internalTrafficPolicy !== externalTrafficPolicy;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function versionText(version: number | undefined): string {
  if (version === undefined) return 'its first line tells no version';
  const age = version > SNAPSHOT_VERSION ? 'a newer' : 'an older';
  return `it has ${age} version, ${version}; this kube-splice reads versions ${OLDEST_SNAPSHOT_VERSION} to ${SNAPSHOT_VERSION}`;
}

const NO_ENDPOINT = 'is not an endpoint; give one like 10.0.0.1:80 or [fd00::1]:80';

/** `10.0.0.1:80` or `[fd00::1]:80`, the address in canonical text; `undefined` for anything else. */
function parseEndpoint(key: unknown): Endpoint | undefined {
  if (typeof key !== 'string') return undefined;
  const colon = key.lastIndexOf(':');
  const host = key.slice(0, Math.max(0, colon));
  const address = parseAddress(
    host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host,
  )?.address;
  const port = Number(key.slice(colon + 1));
  if (address === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const found = endpoint(address, port);
  // There is one way to write an endpoint: two that are the same have the same key.
  return found.key === key ? found : undefined;
}
