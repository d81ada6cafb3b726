import { parseAddress, parseCIDR } from '../../../model/address.js';
import { hostPort } from '../../../model/endpoint.js';
import { KubeSpliceError } from '../../../model/errors.js';
import type { ServerAddress } from './server-address.js';

/** A proxy on the way to the API server. */
export interface ProxyAddress {
  readonly kind: 'http' | 'https' | 'socks5';
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly username: string; readonly password: string } | null;
}

const KINDS: Readonly<Record<string, { kind: ProxyAddress['kind']; port: number }>> = {
  'http:': { kind: 'http', port: 80 },
  'https:': { kind: 'https', port: 443 },
  'socks5:': { kind: 'socks5', port: 1080 },
  'socks5h:': { kind: 'socks5', port: 1080 },
};

/**
 * The proxy that a URL of http, https or socks5 names: what client-go takes.
 *
 * @param place says in messages where the text stands.
 * @throws KubeSpliceError `KUBECONFIG_INVALID`; never shows the text, which may hold a password.
 */
export function parseProxyAddress(text: string, place: string): ProxyAddress {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    throw invalid(place);
  }
  const known = KINDS[url.protocol];
  if (known === undefined || url.hostname === '') throw invalid(place);
  return {
    kind: known.kind,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? known.port : Number(url.port),
    credentials: credentialsOf(url, known.kind, place),
  };
}

/**
 * The proxy that the environment names for this server, or null. The rules are those of Go's `http.ProxyFromEnvironment`
 * (`golang.org/x/net/http/httpproxy`): `HTTPS_PROXY` or `HTTP_PROXY` by the server's scheme, upper case first; never for
 * `localhost` and loopback addresses; `NO_PROXY` holds names, which count with all below them, `.names`, which count
 * only below them, addresses, CIDRs, each with or without a port, or `*`.
 *
 * @throws KubeSpliceError `KUBECONFIG_INVALID`.
 */
export function environmentProxy(
  server: ServerAddress,
  environment: Readonly<Record<string, string | undefined>>,
): ProxyAddress | null {
  const name = server.secure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = environment[name] || environment[name.toLowerCase()];
  if (!text || isLoopback(server.host)) return null;
  const exceptions = environment.NO_PROXY || environment.no_proxy || '';
  if (exceptions.split(',').some((exception) => isMeant(exception.trim().toLowerCase(), server))) return null;
  return parseProxyAddress(text, name);
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const address = parseAddress(host);
  return address !== undefined && (address.address === '::1' || address.address.startsWith('127.'));
}

function isMeant(exception: string, server: ServerAddress): boolean {
  if (exception === '') return false;
  if (exception === '*') return true;
  const cidr = parseCIDR(exception);
  if (cidr !== undefined) return parseCIDR(`${server.host}/${cidr.prefixLength}`)?.cidr === cidr.cidr;
  const { host, port } = separated(exception);
  if (port !== null && port !== server.port) return false;
  const address = parseAddress(host);
  if (address !== undefined) return parseAddress(server.host)?.address === address.address;
  const name = server.host.toLowerCase();
  const below = host.replace(/^\*?\./, '.');
  return below.startsWith('.') ? name.endsWith(below) : name === host || name.endsWith(`.${host}`);
}

function separated(exception: string): { host: string; port: number | null } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(exception) ?? [];
  const host = bracketed ?? plain;
  // Two colons and no brackets: an IPv6 address without a port.
  if (host === undefined) return { host: exception, port: null };
  return { host, port: port === undefined ? null : Number(port) };
}

function credentialsOf(url: URL, kind: ProxyAddress['kind'], place: string): ProxyAddress['credentials'] {
  if (url.username === '' && url.password === '') return null;
  const username = decoded(url.username, place);
  const password = decoded(url.password, place);
  // RFC 1929 counts them in a byte each; the library would not see that until the proxy asks for them.
  if (kind === 'socks5' && [username, password].some((text) => Buffer.byteLength(text) > 255))
    throw new KubeSpliceError(
      'KUBECONFIG_INVALID',
      `${place} has a user name or a password of more than 255 bytes, which SOCKS cannot carry`,
    );
  return { username, password };
}

function decoded(text: string, place: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(place);
  }
}

/** `proxy.example:3128`, for people. */
export function proxyText({ host, port }: ProxyAddress): string {
  return hostPort(host, port);
}

function invalid(place: string): KubeSpliceError {
  return new KubeSpliceError(
    'KUBECONFIG_INVALID',
    `${place} is not the URL of a proxy; give one of http, https or socks5, such as http://10.0.0.1:3128`,
  );
}
