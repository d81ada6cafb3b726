import type { User } from '@kubernetes/client-node/dist/config_types.js';
import type { OpenIDConnectAuth } from '@kubernetes/client-node/dist/oidc_auth.js';
import { KubeSpliceError } from '../../../model/errors.js';

/** A token is renewed so long before it expires, ms: it is still to be good when the server looks at it. */
const EARLY_MS = 10_000;

/**
 * The tokens of an auth-provider `oidc`, which the client library renews at the issuer. The library is loaded when the
 * first token is asked for: with its HTTP client it takes 10 MB that few need.
 */
export function createOidcTokens(
  config: Readonly<Record<string, string>>,
  now: () => number,
): { value(): Promise<string>; drop(): void } {
  // The library writes renewed tokens into it.
  const user: User = { name: 'oidc', authProvider: { name: 'oidc', config: { ...config } } };
  let held: { readonly authorization: string; readonly expiresAt: number } | null = null;
  let renewing: Promise<string> | null = null;
  return {
    value: async () => {
      if (held !== null && now() < held.expiresAt - EARLY_MS) return held.authorization;
      renewing ??= renewed().finally(() => {
        renewing = null;
      });
      return await renewing;
    },
    drop: () => {
      held = null;
    },
  };

  async function renewed(): Promise<string> {
    const { OpenIDConnectAuth } = await import('@kubernetes/client-node/dist/oidc_auth.js');
    // An instance for each: it takes the seconds that a renewed token lasts for the time at which it ends.
    const authorization = await ask(new OpenIDConnectAuth(), user);
    held = { authorization, expiresAt: expiryOf(authorization, OpenIDConnectAuth.expirationFromToken) };
    return authorization;
  }
}

async function ask(library: OpenIDConnectAuth, user: User): Promise<string> {
  const request: { headers: Record<string, string> } = { headers: {} };
  try {
    await library.applyAuthentication(user, request);
  } catch (cause) {
    throw unusable(`cannot be renewed: ${reasonOf(cause)}`);
  }
  const { Authorization: authorization } = request.headers;
  if (authorization === undefined)
    throw unusable('has expired, and to renew it takes client-id, refresh-token and idp-issuer-url');
  return authorization;
}

/** Milliseconds since the epoch. */
function expiryOf(authorization: string, expirationFromToken: (token: string) => number): number {
  try {
    return expirationFromToken(authorization.replace(/^Bearer /, '')) * 1000;
  } catch {
    throw unusable('is no JSON Web Token');
  }
}

/** The innermost code: messages can quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the library does not say why';
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function unusable(complaint: string): KubeSpliceError {
  return new KubeSpliceError('CREDENTIALS_UNUSABLE', `the id-token of the auth-provider oidc ${complaint}`);
}
