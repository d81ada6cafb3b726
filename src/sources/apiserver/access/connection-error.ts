import { hostPort } from '../../../model/endpoint.js';
import { KubeSpliceError, systemErrorCode } from '../../../model/errors.js';
import type { ServerAddress } from './server-address.js';

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'the name server does not answer',
  ETIMEDOUT: 'nobody answers',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'no way leads there',
  EHOSTDOWN: 'the host is down',
  EACCES: 'a packet filter forbids it',
  EPERM: 'a packet filter forbids it',
  EADDRNOTAVAIL: 'this host has no local port or address left for it',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this host has too many files open',
};

/** By the name of the alert: what stands before it differs from one OpenSSL to the next (`SSLV3_`, `TLSV1_`, `SSL/TLS_`). */
const ALERT_WORDS: Readonly<Record<string, string>> = {
  HANDSHAKE_FAILURE: 'it agrees on no TLS: it may want a client certificate',
  PROTOCOL_VERSION: 'it speaks an old TLS only, and 1.2 is the oldest spoken here',
  NO_APPLICATION_PROTOCOL: 'it speaks no HTTP/1.1',
};

/** TLS on one side, none on the other. */
const NO_TLS = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
]);

/** An alert (RFC 8446, section 6.2) by which a server refuses the certificate that a client showed, or did not show. */
const CERTIFICATE_ALERT =
  /ALERT_(NO_|BAD_|UNSUPPORTED_|UNKNOWN_)?CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_ACCESS_DENIED/;

const TOO_WEAK = /^ERR_SSL_(EE|CA)_(KEY_TOO_SMALL|MD_TOO_WEAK)$/;

/**
 * What a failed connection is to a person: host and port, words, and the system's own. An error that says so already
 * stays what it is.
 */
export function connectionError(error: unknown, { host, port, secure }: ServerAddress): KubeSpliceError {
  if (error instanceof KubeSpliceError) return error;
  const where = hostPort(host, port);
  const code = systemErrorCode(error) ?? '';
  if (code.startsWith('HPE_'))
    return new KubeSpliceError(
      'APISERVER_MALFORMED',
      `what answers at ${where} does not speak HTTP (${code})`,
      {
        cause: error,
        ...(secure ? {} : { remedy: 'Use https:// where the server speaks TLS, and its port.' }),
      },
    );
  if (NO_TLS.has(code))
    return new KubeSpliceError(
      'APISERVER_MALFORMED',
      `what answers at ${where} does not speak TLS (${code})`,
      {
        cause: error,
        remedy: 'Use http:// where the server speaks no TLS, or the port where it does.',
      },
    );
  if (TOO_WEAK.test(code))
    return new KubeSpliceError(
      'CREDENTIALS_UNUSABLE',
      `OpenSSL does not take the client certificate or its authority: too weak (${code})`,
      { cause: error },
    );
  if (CERTIFICATE_ALERT.test(code))
    return new KubeSpliceError(
      'APISERVER_UNAUTHORIZED',
      `the server at ${where} refuses the client certificate, or the lack of one (${code})`,
      { cause: error },
    );
  return unreachable(where, reasonOf(error, code), error);
}

/** What is wrong with the way to `where`, in words and in the system's own. */
export function connectionFault(error: unknown): string {
  if (error instanceof KubeSpliceError) return error.message;
  return reasonOf(error, systemErrorCode(error) ?? '');
}

/** Nobody is reached at `where`, which is host and port. */
export function unreachable(where: string, why: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('APISERVER_UNREACHABLE', `no API server at ${where}: ${why}`, { cause });
}

function reasonOf(error: unknown, code: string): string {
  const words = WORDS[code] ?? ALERT_WORDS[code.replace(/^ERR_SSL_.*_ALERT_/, '')];
  if (words !== undefined) return `${words} (${code})`;
  if (code !== '') return code;
  return error instanceof Error ? error.message : String(error);
}
