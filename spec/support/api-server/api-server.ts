import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Answer } from './answer.js';
import { type ApiRequest, type RequestMatcher, readRequest } from './api-request.js';
import { ClusterObjects } from './cluster-objects.js';
import { type Fault, FaultScript } from './faults.js';
import { Listener, type ServerTls } from './listener.js';
import type { Backup } from './object-store.js';
import { RequestLog } from './request-log.js';
import type { ResourceName } from './resources.js';
import { type RoutesOptions, route, sendStatus } from './routes.js';
import { internalError, unauthorized } from './status.js';
import type { ApiObject, JsonObject } from './stored-object.js';
import type { Watch } from './watch.js';

export interface ApiServerOptions {
  /** 127.0.0.1 where it is not given. */
  readonly host?: string;
  /** A free one where it is not given. */
  readonly port?: number;
  readonly tls?: ServerTls;
  /** The bearer token without which requests are refused, unless they come with a client certificate. */
  readonly token?: string;
  readonly bookmarkIntervalMs?: number;
  readonly isQuietCluster?: boolean;
  readonly servesSlices?: boolean;
  readonly gitVersion?: string;
}

/**
 * An API server for specs: it speaks the wire of a real one (recorded in spec/fixtures/kube-apiserver-1.26), keeps what a
 * spec or kubectl gives it, goes wrong when told so, and knows every request that it saw.
 */
export class ApiServer {
  readonly requests = new RequestLog();
  readonly faults = new FaultScript();
  readonly objects = new ClusterObjects();
  readonly #watches = new Set<Watch>();
  readonly #listener: Listener;
  readonly #routes: RoutesOptions;
  #token: string | undefined;
  #asksForCertificate: boolean;

  private constructor(options: ApiServerOptions) {
    const { host = '127.0.0.1', port = 0, tls, token } = options;
    this.#token = token;
    this.#asksForCertificate = tls?.clientCa !== undefined;
    this.#listener = new Listener(
      host,
      port,
      tls,
      (request, response) => void this.#handle(request, response),
    );
    this.#routes = {
      bookmarkIntervalMs: options.bookmarkIntervalMs ?? 60_000,
      isQuietCluster: options.isQuietCluster ?? false,
      servesSlices: options.servesSlices ?? true,
      gitVersion: options.gitVersion ?? 'v1.26.15',
      onWatch: (watch) => this.#watches.add(watch),
    };
  }

  /** A server that listens. Whoever starts it stops it. */
  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const server = new ApiServer(options);
    await server.#listener.open();
    return server;
  }

  get url(): string {
    return this.#listener.url;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** How many connections are open, idle ones too. */
  get connections(): number {
    return this.#listener.connections;
  }

  /** Closes the port and every connection. */
  async stop(): Promise<void> {
    await this.#listener.close();
  }

  /** Connections are cut and refused until `resume`. What is kept is kept, as etcd would. */
  async pause(): Promise<void> {
    await this.#listener.close();
  }

  /** Listens again, on the same port. */
  async resume(): Promise<void> {
    await this.#listener.open();
  }

  async restart(): Promise<void> {
    await this.pause();
    await this.resume();
  }

  get resourceVersion(): number {
    return this.objects.store.resourceVersion;
  }

  create(resource: ResourceName, object: JsonObject): ApiObject {
    return this.objects.create(resource, object);
  }

  update(resource: ResourceName, object: JsonObject): ApiObject {
    return this.objects.update(resource, object);
  }

  /** A JSON merge patch; `key` is `namespace/name`, or the name of a node or namespace. */
  patch(resource: ResourceName, key: string, patch: JsonObject): ApiObject {
    return this.objects.patch(resource, key, patch);
  }

  delete(resource: ResourceName, key: string): ApiObject {
    return this.objects.delete(resource, key);
  }

  /** Forgets what is past: older watches, exact lists and continue tokens are answered 410. Open watches go on. */
  compact(): void {
    this.objects.store.compact();
  }

  backup(): Backup {
    return this.objects.store.backup();
  }

  /** Goes back to a backup, as an etcd that is restored: watches are cut, and resourceVersions come a second time. */
  restore(backup: Backup): void {
    this.cutWatches();
    this.objects.store.restore(backup);
  }

  /** Another token, or none: for requests from now on, open watches go on. */
  set token(token: string | undefined) {
    this.#token = token;
  }

  /** Another certificate: for connections from now on. */
  set tls(tls: ServerTls) {
    this.#asksForCertificate = tls.clientCa !== undefined;
    this.#listener.tls = tls;
  }

  /** The first such request, seen already or yet to come; with `status` in it, once that is answered. */
  request(matcher: RequestMatcher): Promise<ApiRequest> {
    return this.requests.first(matcher);
  }

  /** How many watches are open; silenced ones too, as long as their connections are. */
  openWatches(resource?: ResourceName): number {
    return this.#watchesOf(resource).length;
  }

  /** Closes the connections of open watches at once, or after `rest` is sent: such as the first half of an event. */
  cutWatches(resource?: ResourceName, rest?: string): void {
    for (const watch of this.#watchesOf(resource)) watch.cut(rest);
  }

  /** Ends open watches as a server does that has watched long enough. */
  endWatches(resource?: ResourceName): void {
    for (const watch of this.#watchesOf(resource)) watch.end();
  }

  /** Open watches send nothing more, no bookmark either, and no end. */
  silenceWatches(resource?: ResourceName): void {
    for (const watch of this.#watchesOf(resource)) watch.silence();
  }

  /** Open watches send a bookmark now, wanted or not. */
  sendBookmarks(resource?: ResourceName): void {
    for (const watch of this.#watchesOf(resource)) watch.sendBookmark();
  }

  /** Open watches send this text between two events. */
  sendToWatches(text: string, resource?: ResourceName): void {
    for (const watch of this.#watchesOf(resource)) watch.sendRaw(text);
  }

  #watchesOf(resource: ResourceName | undefined): Watch[] {
    for (const watch of this.#watches) if (watch.isClosed) this.#watches.delete(watch);
    return [...this.#watches].filter((watch) => resource === undefined || watch.resource === resource);
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const request = readRequest(method, url, headers, performance.now());
    const noteStatus = this.requests.add(request);
    const fault = this.faults.take(request);
    if (fault?.kind === 'no-answer') return;
    if (fault?.kind === 'cut-before-headers') {
      incoming.socket.destroy();
      return;
    }
    const answer = new Answer(response, fault, noteStatus);
    try {
      const body = await textOf(incoming);
      if (fault?.kind === 'instead') sendInstead(answer, fault);
      else if (this.#isAllowed(incoming)) route(this.objects, request, body, answer, this.#routes);
      else sendStatus(answer, unauthorized());
    } catch (error) {
      // Whoever went away while it sent its request reads no answer.
      if (!answer.isClosed) sendStatus(answer, internalError(`${error}`));
    }
  }

  #isAllowed({ headers, socket }: IncomingMessage): boolean {
    if (this.#token === undefined && !this.#asksForCertificate) return true;
    if (this.#token !== undefined && headers.authorization === `Bearer ${this.#token}`) return true;
    return this.#asksForCertificate && socket instanceof TLSSocket && socket.authorized;
  }
}

function sendInstead(answer: Answer, fault: Extract<Fault, { kind: 'instead' }>): void {
  answer.whole(fault.code, fault.body, fault.contentType, fault.headers);
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
