import { describe, expect, it } from 'vitest';
import { createOidcTokens } from '../../../../src/sources/apiserver/access/oidc-tokens.js';
import { failureOf, httpServer } from './local-api.js';

/** Not signed: the client only reads when it expires. */
function jwt(expiresAtS: number): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp: expiresAtS })}.c2lnbmVk`;
}

const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;

describe('the tokens of an auth-provider oidc', () => {
  it('are sent as they are until they expire', async () => {
    const token = jwt(inAnHour());
    const tokens = createOidcTokens({ 'id-token': token }, Date.now);
    expect(await tokens.value()).toBe(`Bearer ${token}`);
    tokens.drop();
    expect(await tokens.value()).toBe(`Bearer ${token}`);
  });

  it('that have expired and cannot be renewed are an error', async () => {
    const tokens = createOidcTokens({ 'id-token': jwt(1) }, Date.now);
    const error = await failureOf(tokens.value());
    expect(error.code).toBe('CREDENTIALS_UNUSABLE');
    expect(error.message).toContain('to renew it takes client-id, refresh-token and idp-issuer-url');
  });

  it('that the issuer does not renew are an error without secrets', async () => {
    const { url } = await httpServer((_request, response) => void response.writeHead(500).end('hunter2'));
    const config = {
      'id-token': jwt(1),
      'client-id': 'kube',
      'refresh-token': 'hunter2',
      'idp-issuer-url': url,
    };
    const error = await failureOf(createOidcTokens(config, Date.now).value());
    expect(error.code).toBe('CREDENTIALS_UNUSABLE');
    expect(error.message).toContain('cannot be renewed');
    expect(`${error.message}${String(error.cause)}`).not.toContain('hunter2');
  });

  it('that are no JSON Web Token are an error without the token', async () => {
    const error = await failureOf(createOidcTokens({ 'id-token': 'hunter2.hunter2.x' }, Date.now).value());
    expect(error.code).toBe('CREDENTIALS_UNUSABLE');
    expect(error.message).not.toContain('hunter2');
  });
});
