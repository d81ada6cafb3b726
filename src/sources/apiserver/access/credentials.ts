import type { ReadFile } from '../../file-fault.js';
import { type ApiUser, type ClusterConfig, clientCertificateOf, tokenFileOf } from './cluster-config.js';
import { execClusterInfo } from './exec-cluster-info.js';
import { type ExecCredential, ExecPlugin } from './exec-plugin.js';
import { createOidcTokens } from './oidc-tokens.js';
import { type ClientCertificate, readClientCertificate, readToken } from './read-credentials.js';
import { Refreshed } from './refreshed.js';

/** What one request proves who asks with. */
export interface RequestCredentials {
  /** The value of the header `Authorization`. */
  readonly authorization: string | null;
  readonly certificate: ClientCertificate | null;
}

/** Where requests get their credentials; those that change are fetched anew in time. */
export interface Credentials {
  /** @throws KubeSpliceError `CREDENTIALS_UNUSABLE`. */
  current(): Promise<RequestCredentials>;
  /** The server refused these. Others, fetched anew; null where there are no others. */
  instead(of: RequestCredentials): Promise<RequestCredentials | null>;
  /** What is held is refused: the next call of `current` fetches it anew. */
  drop(): void;
}

export interface CredentialsOptions {
  readonly readFile: ReadFile;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Ends an exec plugin that runs. */
  readonly signal: AbortSignal;
  /** Milliseconds that an exec plugin may take. */
  readonly execTimeoutMs: number;
  /** How long what was read of a file is used, ms. */
  readonly fileMaxAgeMs: number;
}

/** A part of the credentials, and how to forget it. */
interface Part<T> {
  value(): Promise<T>;
  drop(): void;
}

/**
 * The credentials of the configuration's user. As in client-go, a token file wins over a token, and both over an exec
 * plugin, whose certificate in turn wins over the one in the configuration.
 */
export function createCredentials(config: ClusterConfig, options: CredentialsOptions): Credentials {
  const authorization = authorizationOf(config, options);
  const certificate = certificateOf(config, options);
  const exec = execOf(config, options);
  return { current, instead, drop };

  async function current(): Promise<RequestCredentials> {
    const given = await exec.value();
    const own = await authorization.value();
    return {
      authorization: own ?? given?.authorization ?? null,
      certificate: given?.certificate ?? (await certificate.value()),
    };
  }

  async function instead(of: RequestCredentials): Promise<RequestCredentials | null> {
    const held = await current();
    // Another request that was refused has already brought new ones.
    if (!isSame(held, of)) return held;
    drop();
    const fresh = await current();
    return isSame(fresh, of) ? null : fresh;
  }

  function drop(): void {
    for (const part of [authorization, certificate, exec]) part.drop();
  }
}

function isSame(one: RequestCredentials, other: RequestCredentials): boolean {
  return (
    one.authorization === other.authorization &&
    one.certificate?.cert === other.certificate?.cert &&
    one.certificate?.key === other.certificate?.key
  );
}

function authorizationOf({ user }: ClusterConfig, options: CredentialsOptions): Part<string | null> {
  const { token, username, password, authProvider } = user;
  if (tokenFileOf(user) !== null) return tokenInFile(user, options);
  if (token) return fixed(`Bearer ${token}`);
  if (username || password) {
    const pair = Buffer.from(`${username ?? ''}:${password ?? ''}`, 'utf8').toString('base64');
    return fixed(`Basic ${pair}`);
  }
  return authProvider ? createOidcTokens(authProvider.config, options.now) : fixed(null);
}

/** The user's token is used as long as the file has never been read. */
function tokenInFile(user: ApiUser, { fileMaxAgeMs, now }: CredentialsOptions): Part<string> {
  const read = async (): Promise<string> => {
    try {
      return `Bearer ${await readToken(user)}`;
    } catch (error) {
      if (!user.token) throw error;
      return `Bearer ${user.token}`;
    }
  };
  return new Refreshed(read, { maxAgeMs: fileMaxAgeMs, now });
}

function certificateOf(
  { user }: ClusterConfig,
  { readFile, fileMaxAgeMs, now }: CredentialsOptions,
): Part<ClientCertificate | null> {
  const source = clientCertificateOf(user);
  if (source === null) return fixed(null);
  const isInFile = 'path' in source.cert || 'path' in source.key;
  const maxAgeMs = isInFile ? fileMaxAgeMs : Number.POSITIVE_INFINITY;
  return new Refreshed(() => readClientCertificate(source, readFile), { maxAgeMs, now });
}

function execOf(config: ClusterConfig, options: CredentialsOptions): Part<ExecCredential | null> {
  const { exec } = config.user;
  if (!exec) return fixed(null);
  const { readFile, fileMaxAgeMs, now, environment, signal, execTimeoutMs } = options;
  const clusterInfo = new Refreshed(() => execClusterInfo(config, readFile), { maxAgeMs: fileMaxAgeMs, now });
  return new ExecPlugin(exec, {
    clusterInfo: async () => (exec.clusterInfo === null ? null : await clusterInfo.value()),
    environment,
    signal,
    timeoutMs: execTimeoutMs,
  });
}

function fixed<T>(value: T): Part<T> {
  return { value: async () => value, drop: () => undefined };
}
