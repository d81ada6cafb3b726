import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type ConnectionOptions, connect, createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CertificateAuthority, type Certified } from './certificate-authority.js';
import { within } from './deadline.js';
import { portOf } from './tcp-endpoint.js';

/** The outcome of a TLS handshake with a server that shows this certificate: the error's code, or who the client is. */
async function handshake(server: Certified, client: ConnectionOptions, clientCa?: string): Promise<string> {
  const listener = createServer({
    key: server.key,
    cert: server.certificate,
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  });
  listener.on('tlsClientError', () => {});
  listener.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.end(`${socket.authorized} ${socket.getPeerCertificate().subject?.CN}`);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => void listener.close());
  const socket = connect({ host: '127.0.0.1', port: portOf(listener), ...client });
  const said = once(socket, 'data').then(
    ([data]) => `${data}`,
    (error: NodeJS.ErrnoException) => `${error.code}`,
  );
  try {
    return await within('the outcome of a handshake', said);
  } finally {
    socket.destroy();
  }
}

describe('a certificate authority of the specs', () => {
  const authority = new CertificateAuthority();

  it('issues certificates that a client who trusts it takes', async () => {
    expect(await handshake(authority.server(), { ca: authority.certificate })).toBe('false undefined');
  });

  it('is trusted by nobody else', async () => {
    expect(await handshake(authority.server(), {})).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    const other = new CertificateAuthority('another');
    expect(await handshake(authority.server(), { ca: other.certificate })).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    );
  });

  it('issues expired certificates, and ones for another name', async () => {
    const ca = authority.certificate;
    expect(await handshake(authority.expiredServer(), { ca })).toBe('CERT_HAS_EXPIRED');
    expect(await handshake(authority.server(['example.com', '::1']), { ca })).toBe(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });

  it('stands under another authority where it has an issuer', async () => {
    const between = new CertificateAuthority('between', authority);
    const { key, certificate } = between.server();
    const chain = { key, certificate: `${certificate}${between.certificate}` };
    expect(await handshake(chain, { ca: authority.certificate })).toBe('false undefined');
    expect(await handshake(between.server(), { ca: authority.certificate })).toBe(
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    );
  });

  it('makes a certificate for a server that only itself vouches for', async () => {
    const ca = authority.certificate;
    const alone = new CertificateAuthority('alone').selfSigned();
    expect(await handshake(alone, { ca })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('issues certificates to clients', async () => {
    const ca = authority.certificate;
    const { key, certificate: cert } = authority.client('system:node:node1');
    expect(await handshake(authority.server(), { ca, key, cert }, ca)).toBe('true system:node:node1');
    const stranger = new CertificateAuthority('another').client('system:node:node1');
    const shown = { ca, key: stranger.key, cert: stranger.certificate };
    expect(await handshake(authority.server(), shown, ca)).toBe('false system:node:node1');
  });

  it('writes names, times and addresses as others read them', () => {
    const from = new Date('2001-02-03T04:05:06Z');
    const until = new Date('2060-07-08T09:10:11Z');
    const { certificate } = authority.server(['10.96.0.1', 'kubernetes.default', 'fd00::1'], { from, until });
    const read = new X509Certificate(certificate);
    expect(read.subject).toBe('CN=10.96.0.1');
    expect(read.issuer).toBe('CN=kube-splice specs');
    expect(read.subjectAltName).toBe(
      'IP Address:10.96.0.1, DNS:kubernetes.default, IP Address:FD00:0:0:0:0:0:0:1',
    );
    expect([new Date(read.validFrom), new Date(read.validTo)]).toEqual([from, until]);
    expect(read.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(new X509Certificate(authority.client().certificate).subject).toBe(
      'O=system:nodes\nCN=kube-splice',
    );
  });
});
