import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { KubeSpliceError, systemErrorCode } from '../../../model/errors.js';
import { type CertificateFault, certificateFault } from './certificate-fault.js';
import type { ClientCertificate } from './read-credentials.js';

/** What a TLS connection is made with. */
export interface TlsMaterial {
  /** PEM blocks; null for the authorities that come with Node. */
  readonly authorities: readonly string[] | null;
  readonly certificate: ClientCertificate | null;
  readonly insecure: boolean;
}

/**
 * Begins TLS on a connection. The socket that comes back owns the one that went in.
 *
 * @param name what the certificate has to be for: a name or an address.
 */
export function beginTls(socket: Socket, name: string, material: TlsMaterial): TLSSocket {
  const { authorities, certificate, insecure } = material;
  return connectTls({
    socket,
    host: name,
    // An address is not a name that can be asked for (RFC 6066, section 3).
    servername: isIP(name) === 0 ? name.replace(/\.$/, '') : '',
    ...(authorities === null ? {} : { ca: [...authorities] }),
    ...(certificate === null ? {} : { cert: certificate.cert, key: certificate.key }),
    rejectUnauthorized: !insecure,
    checkServerIdentity: identityFault,
    // As in Go, an authority may be trusted that is not at the root of its chain.
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
  });
}

/**
 * Resolves when the server has proved who it is: `name`, at `where`, host and port. `now` is in ms since the epoch.
 *
 * @throws KubeSpliceError `APISERVER_CERTIFICATE_REJECTED`, with the reason; else the error of the socket.
 */
export function handshake(
  socket: TLSSocket,
  { name, where, now }: { readonly name: string; readonly where: string; readonly now: () => number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let certificate: X509Certificate | undefined;
    // Emitted before Node verifies; afterwards the socket is destroyed, and its certificate with it.
    socket.prependOnceListener('secure', () => {
      certificate = peerCertificate(socket);
    });
    socket.once('secureConnect', () => {
      socket.off('error', onError);
      socket.off('close', onClose);
      resolve();
    });
    const onError = (error: Error): void => {
      const fault = certificateFault(systemErrorCode(error) ?? '', certificate, name, new Date(now()));
      reject(fault === undefined ? error : rejected(error, fault, where));
    };
    const onClose = (): void => reject(new Error('the connection was closed before TLS was agreed on'));
    socket.once('error', onError);
    socket.once('close', onClose);
  });
}

/** As in Go, and by RFC 9525, section 2: the common name of a certificate is not looked at, which Node still does. */
function identityFault(name: string, certificate: PeerCertificate): Error | undefined {
  const { subject, ...rest } = certificate;
  return checkServerIdentity(name, { ...rest, subject: { ...subject, CN: '' } });
}

/** `getPeerX509Certificate` would take the certificate out of the chain that Node is about to verify. */
function peerCertificate(socket: TLSSocket): X509Certificate | undefined {
  const { raw } = socket.getPeerCertificate(false) as { readonly raw?: Buffer };
  return raw === undefined ? undefined : new X509Certificate(raw);
}

function rejected(cause: Error, { why, remedy }: CertificateFault, where: string): KubeSpliceError {
  return new KubeSpliceError(
    'APISERVER_CERTIFICATE_REJECTED',
    `the certificate of ${where} is rejected: ${why}`,
    { cause, remedy },
  );
}
