import { Field } from '../../../model/field.js';
import { quoted } from '../../../model/printable.js';
import { pairFault } from './pem.js';
import { type ClientCertificate, isToken } from './read-credentials.js';

/** What an exec plugin gave. At least one of token and certificate is there. */
export interface ExecCredential {
  readonly token: string | null;
  readonly certificate: ClientCertificate | null;
  /** Milliseconds since the epoch; null where it is good until the server refuses it. */
  readonly expiresAt: number | null;
}

/**
 * The `ExecCredential` (client.authentication.k8s.io) in a plugin's output, or what is wrong with it, in words that
 * never repeat the output: it holds secrets.
 */
export function parseExecCredential(output: string, apiVersion: string): ExecCredential | string {
  const root = Field.root(parseJson(output));
  const version = root.child('apiVersion').value;
  if (root.child('kind').value !== 'ExecCredential') return 'prints no ExecCredential in JSON';
  if (version !== apiVersion)
    return `answers in ${typeof version === 'string' ? quoted(version.slice(0, 60)) : 'no version'}, and is to answer in ${apiVersion}`;
  const status = root.child('status');
  const token = text(status.child('token'));
  const cert = text(status.child('clientCertificateData'));
  const key = text(status.child('clientKeyData'));
  if ([token, cert, key].includes(undefined)) return 'prints a status whose fields are not text';
  if (!token && !cert && !key) return 'prints no credentials: neither token nor certificate';
  if (!cert !== !key) return 'prints only one of clientCertificateData and clientKeyData';
  if (token && !isToken(token)) return 'prints something else than one token';
  const certificate = cert && key ? { cert, key } : null;
  const fault = certificate === null ? undefined : pairFault(certificate.cert, certificate.key);
  if (fault !== undefined)
    return `prints a ${fault.of === 'cert' ? 'clientCertificateData' : 'clientKeyData'} that ${fault.complaint}`;
  const expiresAt = expiry(status.child('expirationTimestamp').value);
  if (Number.isNaN(expiresAt)) return 'prints an expirationTimestamp that is no time (RFC 3339)';
  return { token: token || null, certificate, expiresAt };
}

/** Undefined where there is something that is no text; empty where there is nothing. */
function text({ present, value }: Field): string | undefined {
  if (!present) return '';
  return typeof value === 'string' ? value : undefined;
}

function expiry(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

function parseJson(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}
