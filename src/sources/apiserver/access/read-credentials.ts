import { stat } from 'node:fs/promises';
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js';
import { KubeSpliceError } from '../../../model/errors.js';
import { quoted } from '../../../model/printable.js';
import { fileFault, type ReadFile } from '../../file-fault.js';
import { type ApiUser, tokenFileOf } from './cluster-config.js';
import { type PemText, pairFault } from './pem.js';

/** A client certificate, its chain behind it, and its private key, both PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a header may carry: RFC 6750, section 2.1, and whatever else prints. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * The token in the user's token file; white space around it does not count. The client library reads it, with an
 * instance for each: one that is kept goes by the system's clock, sends no token at all where the file is empty for a
 * moment, and fails where it is gone for one. `Refreshed` keeps the token meanwhile.
 *
 * @throws KubeSpliceError `CREDENTIALS_UNUSABLE`.
 */
export async function readToken(user: ApiUser): Promise<string> {
  const path = tokenFileOf(user) ?? '';
  const place = `the token file ${quoted(path)}`;
  const request: { headers: Record<string, string> } = { headers: {} };
  try {
    // The library reads without yielding: what would hold it up, a disk that hangs or a FIFO, is met here.
    if (!(await stat(path)).isFile()) throw unusable(`${place} is not a file`);
    await new FileAuth().applyAuthentication(user, request);
  } catch (cause) {
    if (cause instanceof KubeSpliceError) throw cause;
    throw unusable(`${place} ${fileFault(cause)}`, cause);
  }
  const token = (request.headers.Authorization ?? '').replace(/^Bearer /, '').trim();
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
