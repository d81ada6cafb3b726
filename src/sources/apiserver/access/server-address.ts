import { KubeSpliceError } from '../../../model/errors.js';
import { quoted } from '../../../model/printable.js';

/** Where an API server is reached. */
export interface ServerAddress {
  /** For people: holds no credentials, no query, no final slash. */
  readonly url: string;
  /** True for https. */
  readonly secure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** What stands before `/api` in every path; empty, or with a slash in front and none behind. */
  readonly basePath: string;
}

/**
 * The server that this text names: a URL, or `host` or `host:port`, which mean plain HTTP, as client-go has it
 * (`DefaultServerURL`). A path stands before every request's; query and fragment count for nothing.
 *
 * @param place says in messages where the text stands.
 * @throws KubeSpliceError `KUBECONFIG_INVALID`.
 */
export function parseServerAddress(text: string, place: string): ServerAddress {
  const url = parseUrl(text.includes('://') ? text : `http://${text}`);
  // What may hold a password is not repeated.
  if (url === undefined)
    throw invalid(place, text.includes('@') ? 'is no URL' : `${quoted(text)} is no URL`, text);
  if (url.username !== '' || url.password !== '')
    throw invalid(place, 'must not hold a user name or a password', text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw invalid(place, `${quoted(text)} is not a URL of https or http`, text);
  const basePath = url.pathname.replace(/\/+$/, '');
  if (!text.includes('://') && basePath !== '')
    throw invalid(place, `${quoted(text)} has a path but no scheme`, text);
  const secure = url.protocol === 'https:';
  return {
    url: `${url.origin}${basePath}`,
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    basePath,
  };
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function invalid(place: string, complaint: string, text: string): KubeSpliceError {
  const hint = text.trim() === '' ? 'is empty; give' : `${complaint}; give`;
  return new KubeSpliceError('KUBECONFIG_INVALID', `${place} ${hint} one such as https://10.0.0.1:6443`);
}
