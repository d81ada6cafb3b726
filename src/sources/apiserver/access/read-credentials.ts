import { KubeSpliceError } from '../../../model/errors.js';
import { quoted } from '../../../model/printable.js';
import { fileFault, type ReadFile } from './file-fault.js';
import { type PemText, pairFault } from './pem.js';

/** A client certificate, its chain behind it, and its private key, both PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a header may carry: RFC 6750, section 2.1, and whatever else prints. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * The token in a file; white space around it does not count.
 *
 * @throws KubeSpliceError `CREDENTIALS_UNUSABLE`.
 */
export async function readToken(path: string, readFile: ReadFile): Promise<string> {
  const place = `the token file ${quoted(path)}`;
  const token = (await textOf({ place, path }, readFile)).trim();
  if (token === '') throw unusable(`${place} is empty`);
  if (!isToken(token)) throw unusable(`${place} holds something else than one token`);
  return token;
}

/** True for what can be sent as a token. */
export function isToken(token: string): boolean {
  return TOKEN.test(token);
}

/**
 * The client certificate and its key, which belong together.
 *
 * @throws KubeSpliceError `CREDENTIALS_UNUSABLE`.
 */
export async function readClientCertificate(
  source: { readonly cert: PemText; readonly key: PemText },
  readFile: ReadFile,
): Promise<ClientCertificate> {
  const cert = await textOf(source.cert, readFile);
  const key = await textOf(source.key, readFile);
  const fault = pairFault(cert, key);
  if (fault !== undefined) throw unusable(`${source[fault.of].place} ${fault.complaint}`);
  return { cert, key };
}

async function textOf(source: PemText, readFile: ReadFile): Promise<string> {
  if ('text' in source) return source.text;
  try {
    return (await readFile(source.path)).toString('latin1');
  } catch (cause) {
    throw unusable(`${source.place} ${fileFault(cause)}`, cause);
  }
}

function unusable(message: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('CREDENTIALS_UNUSABLE', message, { cause });
}
