import { Field } from '../../../model/field.js';
import { quoted } from '../../../model/printable.js';
import { pairFault } from './pem.js';
import { isToken } from './read-credentials.js';

/**
 * What is wrong with the `ExecCredential` (client.authentication.k8s.io) that a plugin printed, in words that never
 * repeat it: it holds secrets. Undefined where it can be used. The client library looks at none of this.
 */
export function execCredentialFault(printed: unknown, apiVersion: string): string | undefined {
  const root = Field.root(printed);
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
  const fault = cert && key ? pairFault(cert, key) : undefined;
  if (fault !== undefined)
    return `prints a ${fault.of === 'cert' ? 'clientCertificateData' : 'clientKeyData'} that ${fault.complaint}`;
  const expiration = status.child('expirationTimestamp');
  if (expiration.present && !isTime(expiration.value))
    return 'prints an expirationTimestamp that is no time (RFC 3339)';
  return undefined;
}

/** Undefined where there is something that is no text; empty where there is nothing. */
function text({ present, value }: Field): string | undefined {
  if (!present) return '';
  return typeof value === 'string' ? value : undefined;
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
