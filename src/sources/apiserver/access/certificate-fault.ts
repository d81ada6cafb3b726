import type { X509Certificate } from 'node:crypto';
import { printable } from '../../../model/printable.js';

/** Why a certificate was rejected, and what to do about that very reason. */
export interface CertificateFault {
  readonly why: string;
  readonly remedy: string;
}

const WRONG_AUTHORITY =
  'Give the certificate authority of this cluster (certificate-authority in the kubeconfig file); check that the address leads to this cluster.';
const UNKNOWN_AUTHORITY = 'it was signed by an authority that is not trusted';

/** OpenSSL's words for a certificate that leads to no authority that is trusted (verify(1), "Diagnostics"). */
const AUTHORITY_FAULTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed, and not itself trusted',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: 'its signature is not that of the trusted authority of this name',
  INVALID_CA: 'what signed it is no certificate authority',
  PATH_LENGTH_EXCEEDED: 'its chain is longer than its authority allows',
  CERT_CHAIN_TOO_LONG: 'its chain is too long',
  CERT_REVOKED: 'it was revoked',
  INVALID_PURPOSE: 'it is not meant for a server',
  UNSPECIFIED: 'OpenSSL does not accept it; its key or signature may be too weak',
  CERT_REJECTED: 'its authority does not allow this use',
};

/**
 * Why OpenSSL or Node rejected this certificate; undefined where the error is about something else.
 *
 * @param certificate the server's own; undefined where it was not seen.
 * @param name what the server was asked for as.
 */
export function certificateFault(
  code: string,
  certificate: X509Certificate | undefined,
  name: string,
  now: Date,
): CertificateFault | undefined {
  if (code === 'CERT_HAS_EXPIRED') return expired(certificate, now);
  if (code === 'CERT_NOT_YET_VALID') return notYetValid(certificate, now);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return otherName(certificate, name);
  const why = AUTHORITY_FAULTS[code];
  return why === undefined ? undefined : { why: `${why} (${code})`, remedy: WRONG_AUTHORITY };
}

function expired(certificate: X509Certificate | undefined, now: Date): CertificateFault {
  const until = timeOf(certificate?.validTo);
  // Where the server's own is still good, it is one above it that is not.
  const own = until !== undefined && until < now;
  return {
    why: own
      ? `it expired on ${until.toISOString()}, and here it is ${now.toISOString()}`
      : 'a certificate above it has expired',
    remedy:
      'Renew the certificate of the API server (`kubeadm certs renew apiserver`), or correct the clock of this host.',
  };
}

function notYetValid(certificate: X509Certificate | undefined, now: Date): CertificateFault {
  const from = timeOf(certificate?.validFrom);
  const own = from !== undefined && from > now;
  return {
    why: own
      ? `it is valid from ${from.toISOString()} on, and here it is ${now.toISOString()}`
      : 'a certificate above it is not yet valid',
    remedy: 'Correct the clock of this host, or that of the host which issued the certificate.',
  };
}

function otherName(certificate: X509Certificate | undefined, name: string): CertificateFault {
  const names = printable(certificate?.subjectAltName ?? '').replaceAll('IP Address:', 'IP:');
  return {
    why: `it is not for ${printable(name)} but for ${names === '' ? 'no name at all' : names.slice(0, 500)}`,
    remedy:
      'Reach the server by a name it has, or say which one counts with tls-server-name in the kubeconfig file.',
  };
}

function timeOf(text: string | undefined): Date | undefined {
  const time = new Date(text ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
