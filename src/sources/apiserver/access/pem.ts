import { createPrivateKey, X509Certificate } from 'node:crypto';

/** PEM blocks: written down, or in a file that may change. */
export type PemText =
  | { /** For messages: where it stands. */ readonly place: string; readonly text: string }
  | { readonly place: string; readonly path: string };

/**
 * `NAME-data`, in base64, which wins where both are there, or the file `NAME`; null where neither is.
 *
 * @param place says in messages where `NAME` stands, and ends with it.
 */
export function pemText(place: string, data: string | undefined, path: string | undefined): PemText | null {
  if (data) return { place: `${place}-data`, text: Buffer.from(data, 'base64').toString('latin1') };
  return path ? { place: `${place}, ${JSON.stringify(path)},`, path } : null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The certificates in a text, each a PEM block. Whatever else is in there is passed over, as Go does. */
export function certificatesIn(text: string): readonly string[] {
  return [...text.matchAll(CERTIFICATE)].map(([block]) => block).filter(isCertificate);
}

/** What keeps this private key from being used with this certificate; undefined where nothing does. */
export function pairFault(cert: string, key: string): { of: 'cert' | 'key'; complaint: string } | undefined {
  const [first] = certificatesIn(cert);
  if (first === undefined) return { of: 'cert', complaint: 'holds no certificate in PEM form' };
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(key))
    return { of: 'key', complaint: 'is encrypted: nobody is there to give its password' };
  try {
    if (new X509Certificate(first).checkPrivateKey(createPrivateKey(key))) return undefined;
  } catch {
    return { of: 'key', complaint: 'holds no private key in PEM form' };
  }
  return { of: 'key', complaint: 'does not belong to the certificate' };
}

function isCertificate(block: string): boolean {
  try {
    new X509Certificate(block);
    return true;
  } catch {
    return false;
  }
}
