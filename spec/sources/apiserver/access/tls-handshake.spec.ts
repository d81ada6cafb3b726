import type { TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CertificateAuthority, type Certified } from '../../../support/certificate-authority.js';
import { demandingServer } from './demanding-server.js';
import { base64, clientOf, failureOf, httpServer, httpsServer, NEVER, statusOf } from './local-api.js';

const authority = new CertificateAuthority();
const other = new CertificateAuthority('another authority');
const good = authority.server();

const answer = (_request: unknown, response: { end(text: string): void }): void => response.end('{}');

/** The failure of a request to a server with this certificate, by a client that trusts the authority. */
async function failureWith(pair: Certified, cluster: Record<string, unknown> = {}) {
  const { url, port } = await httpsServer(pair, answer);
  const trusted = { server: url, 'certificate-authority-data': base64(authority.certificate), ...cluster };
  const client = await clientOf({ cluster: trusted });
  const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
  expect(error.message).toContain(`127.0.0.1:${port}`);
  return error;
}

describe('TLS to the API server', () => {
  it('holds where the certificate is for this server and from the authority of the cluster', async () => {
    const { url } = await httpsServer(good, answer);
    const client = await clientOf({
      cluster: { server: url, 'certificate-authority-data': base64(authority.certificate) },
    });
    expect(await statusOf(client)).toBe(200);
  });

  it('is refused where the certificate has expired, and says since when and how to renew it', async () => {
    const error = await failureWith(
      authority.server(undefined, {
        from: new Date('2020-01-01T00:00:00Z'),
        until: new Date('2021-01-02T03:04:05Z'),
      }),
    );
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('it expired on 2021-01-02T03:04:05.000Z');
    expect(error.remedy).toContain('kubeadm certs renew');
  });

  it('is refused where the certificate is not yet valid, and says to look at the clock', async () => {
    const error = await failureWith(
      authority.server(undefined, {
        from: new Date('2090-01-01T00:00:00Z'),
        until: new Date('2091-01-01T00:00:00Z'),
      }),
    );
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('it is valid from 2090-01-01T00:00:00.000Z on');
    expect(error.remedy).toContain('clock');
  });

  it('is refused where the certificate is for other names, and says for which', async () => {
    const error = await failureWith(authority.server(['kubernetes.default', '10.96.0.1']));
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('it is not for 127.0.0.1 but for DNS:kubernetes.default, IP:10.96.0.1');
    expect(error.remedy).toContain('tls-server-name');
  });

  it('is refused where another authority signed the certificate, and says which file counts', async () => {
    const error = await failureWith(other.server());
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('signed by an authority that is not trusted');
    expect(error.remedy).toContain('certificate-authority');
  });

  it('is refused where the certificate is self-signed', async () => {
    const error = await failureWith(new CertificateAuthority('self').selfSigned());
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('self-signed');
  });

  it('is refused by the authorities of the system where the cluster names none', async () => {
    const error = await failureWith(good, { 'certificate-authority-data': undefined });
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
  });

  it('holds for the name that tls-server-name gives, and for no other', async () => {
    const named = authority.server(['kubernetes.default']);
    const { url } = await httpsServer(named, answer);
    const trusted = { server: url, 'certificate-authority-data': base64(authority.certificate) };
    const right = await clientOf({ cluster: { ...trusted, 'tls-server-name': 'kubernetes.default' } });
    expect(await statusOf(right)).toBe(200);
    const wrong = await clientOf({ cluster: { ...trusted, 'tls-server-name': 'kubernetes' } });
    const error = await failureOf(wrong.get('/version', {}, { signal: NEVER }));
    expect(error.message).toContain('it is not for kubernetes but for DNS:kubernetes.default');
  });

  it('is refused where only the common name is that of the server, as in Go', async () => {
    const old = new CertificateAuthority('api.cluster.test').selfSigned();
    const error = await failureWith(old, {
      'certificate-authority-data': base64(old.certificate),
      'tls-server-name': 'api.cluster.test',
    });
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    expect(error.message).toContain('it is not for api.cluster.test but for no name at all');
  });

  it('asks for a name without the dot that may end it (RFC 6066, section 3)', async () => {
    const asked: unknown[] = [];
    const { url } = await httpsServer(authority.server(['api.cluster.test']), (request, response) => {
      asked.push((request.socket as TLSSocket & { servername: unknown }).servername);
      response.end('{}');
    });
    const cluster = {
      server: url,
      'certificate-authority-data': base64(authority.certificate),
      'tls-server-name': 'api.cluster.test.',
    };
    expect(await statusOf(await clientOf({ cluster }))).toBe(200);
    expect(asked).toEqual(['api.cluster.test']);
  });

  it('is not turned off by NODE_TLS_REJECT_UNAUTHORIZED', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect((await failureWith(other.server())).code).toBe('APISERVER_CERTIFICATE_REJECTED');
  });

  it('holds where the authority given is not at the root of its chain, as with client-go', async () => {
    const between = new CertificateAuthority('intermediate authority', authority);
    const { url } = await httpsServer(between.server(), answer);
    const cluster = { server: url, 'certificate-authority-data': base64(between.certificate) };
    expect(await statusOf(await clientOf({ cluster }))).toBe(200);
  });

  it('holds with any certificate where verification is turned off', async () => {
    const { url } = await httpsServer(other.server(['elsewhere']), answer);
    const client = await clientOf({ cluster: { server: url, 'insecure-skip-tls-verify': true } });
    expect(await statusOf(client)).toBe(200);
  });

  // OpenSSL's server refuses in TLS 1.2 with handshake_failure, which can mean more than that.
  it.each([
    ['tls1_2', 'APISERVER_UNREACHABLE', 'it may want a client certificate'],
    ['tls1_3', 'APISERVER_UNAUTHORIZED', 'refuses the client certificate, or the lack of one'],
  ])('names the client certificate where a server of %s wants one', async (version, code, words) => {
    const port = await demandingServer(authority, version);
    const cluster = {
      server: `https://127.0.0.1:${port}`,
      'certificate-authority-data': base64(authority.certificate),
    };
    const none = await clientOf({ cluster });
    const error = await failureOf(none.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);

    const mine = authority.client('system:kube-proxy');
    const user = { 'client-certificate-data': base64(mine.certificate), 'client-key-data': base64(mine.key) };
    expect(await statusOf(await clientOf({ cluster, user }), '/')).toBe(200);
  });

  it('says that the server speaks no TLS where it does not', async () => {
    const { port } = await httpServer(answer);
    const client = await clientOf({ cluster: { server: `https://127.0.0.1:${port}` } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_MALFORMED');
    expect(error.message).toContain(`127.0.0.1:${port} does not speak TLS`);
    expect(error.remedy).toContain('http://');
  });

  it('fails, and names the server, where it speaks TLS and is asked without', async () => {
    const { port } = await httpsServer(good, answer);
    const client = await clientOf({ cluster: { server: `http://127.0.0.1:${port}` } });
    const error = await failureOf(client.get('/version', {}, { signal: NEVER }));
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(['APISERVER_MALFORMED', 'APISERVER_UNREACHABLE']).toContain(error.code);
  });
});
