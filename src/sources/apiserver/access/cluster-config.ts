import type { ExecPluginConfig } from './exec-plugin.js';
import type { PemText } from './pem.js';
import type { ProxyAddress } from './proxy-address.js';
import type { ServerAddress } from './server-address.js';

/** How to reach one API server, and as whom. Checked, but nobody has been asked yet. */
export interface ClusterConfig {
  readonly server: ServerAddress;
  readonly proxy: ProxyAddress | null;
  readonly trust: ServerTrust;
  readonly user: UserConfig;
}

/** What a server's certificate has to prove. */
export interface ServerTrust {
  /** The certificate authorities; null for those that come with Node and NODE_EXTRA_CA_CERTS. */
  readonly authorities: PemText | null;
  /** The name in the certificate, where it is another one than the server is reached by. */
  readonly serverName: string | null;
  /** Any certificate will do. */
  readonly insecure: boolean;
}

/** Who asks. Several ways may be there at once: a certificate, and one of the others. */
export interface UserConfig {
  readonly token: string | null;
  /** A file that holds a token and may change. */
  readonly tokenFile: string | null;
  readonly basic: { readonly username: string; readonly password: string } | null;
  readonly certificate: { readonly cert: PemText; readonly key: PemText } | null;
  readonly exec: ExecPluginConfig | null;
  /** The configuration of the auth-provider `oidc`. */
  readonly oidc: Readonly<Record<string, string>> | null;
  /** The headers that ask to be taken for somebody else. */
  readonly impersonation: Readonly<Record<string, string | string[]>>;
}

export const ANYBODY: UserConfig = {
  token: null,
  tokenFile: null,
  basic: null,
  certificate: null,
  exec: null,
  oidc: null,
  impersonation: {},
};

export const DEFAULT_TRUST: ServerTrust = { authorities: null, serverName: null, insecure: false };
