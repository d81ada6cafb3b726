import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CertificateAuthority, type Certified } from '../../../support/certificate-authority.js';
import { eventually } from '../../../support/deadline.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
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

/** The port of a server that tells by an alert that it wants a certificate: Node's only hangs up. */
async function demandingServer(version: string): Promise<number> {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'ca.crt'), authority.certificate);
  writeFileSync(join(directory, 'tls.crt'), good.certificate);
  writeFileSync(join(directory, 'tls.key'), good.key);
  const files = ['-cert', 'tls.crt', '-key', 'tls.key', '-CAfile', 'ca.crt'];
  const demand = ['-Verify', '2', '-verify_return_error', `-${version}`, '-www'];
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...files, ...demand], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(async () => {
    const closed = once(child, 'close');
    child.kill();
    await closed;
  });
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  let port = 0;
  await eventually(() => {
    port = Number(/ACCEPT \S+:(\d+)/.exec(printed)?.[1]);
    expect(port).toBeGreaterThan(0);
  });
  return port;
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
    const port = await demandingServer(version);
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
