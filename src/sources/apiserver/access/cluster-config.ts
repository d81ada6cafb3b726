import type { Cluster, User } from '@kubernetes/client-node/dist/config_types.js';
import type { ExecPluginConfig } from './exec-plugin-config.js';
import { type PemText, pemText } from './pem.js';
import type { ProxyAddress } from './proxy-address.js';
import type { ServerAddress } from './server-address.js';

/** How to reach one API server, and as whom. Checked, but nobody has been asked yet. */
export interface ClusterConfig {
  /** The server of the cluster, taken apart. */
  readonly server: ServerAddress;
  readonly proxy: ProxyAddress | null;
  readonly cluster: ApiCluster;
  readonly user: ApiUser;
}

/** The client library's value. Its file is absolute; without authorities those count that come with Node. */
export interface ApiCluster extends Cluster {
  /** For messages: what stands before the name of a field. */
  readonly place: string;
}

/**
 * Who asks: the client library's value, and what it does not know. Its files are absolute. Several ways may be there at
 * once: a certificate, and one of the others.
 */
export interface ApiUser extends User {
  /** As that of the cluster. */
  readonly place: string;
  readonly exec?: ExecPluginConfig | null;
  /** `oidc`, or the library's own `tokenFile`, whose only setting names a file that holds a token and may change. */
  readonly authProvider?: AuthProvider | null;
  /** The headers that ask to be taken for somebody else; the library sends `as` and knows no more. */
  readonly impersonation: Readonly<Record<string, string | string[]>>;
}

export interface AuthProvider {
  readonly name: 'oidc' | 'tokenFile';
  readonly config: Readonly<Record<string, string>>;
}

export const ANYBODY: ApiUser = { name: '', place: '', impersonation: {} };

/** A server of which nothing else is known: the authorities that come with Node count, and nobody in particular asks. */
export function bareConfig(server: ServerAddress): ClusterConfig {
  const cluster = { name: '', place: '', server: server.url, skipTLSVerify: false };
  return { server, proxy: null, cluster, user: ANYBODY };
}

/** The user whose token is in a file. */
export function tokenFileProvider(tokenFile: string): AuthProvider {
  return { name: 'tokenFile', config: { tokenFile } };
}

/** The file that holds the user's token, or null. */
export function tokenFileOf({ authProvider }: ApiUser): string | null {
  return authProvider?.name === 'tokenFile' ? (authProvider.config.tokenFile ?? null) : null;
}

// The library reads these only with its `config.js`, which loads every API of Kubernetes: 50 MB, and half a second.

/** The certificate authorities; null for those that come with Node and NODE_EXTRA_CA_CERTS. */
export function authoritiesOf({ place, caData, caFile }: ApiCluster): PemText | null {
  return pemText(`${place}certificate-authority`, caData, caFile);
}

/** The user's own certificate and its key, or null. */
export function clientCertificateOf(user: ApiUser): { readonly cert: PemText; readonly key: PemText } | null {
  const cert = pemText(`${user.place}client-certificate`, user.certData, user.certFile);
  const key = pemText(`${user.place}client-key`, user.keyData, user.keyFile);
  return cert === null || key === null ? null : { cert, key };
}
