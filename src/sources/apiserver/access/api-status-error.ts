import { STATUS_CODES } from 'node:http';
import { type ErrorCode, KubeSpliceError } from '../../../model/errors.js';
import { isMapping } from '../../../model/field.js';
import { printable } from '../../../model/printable.js';
import type { ApiResponse } from './api-response.js';
import { shortened } from './shortened.js';

/** How much of the body of a failure is read: a `Status` takes less than 2 KiB. */
const LARGEST_BODY_BYTES = 64 * 1024;
/** And for how long, where it drips. */
const LONGEST_BODY_MS = 10_000;

/** What servers in Go, and nginx, say to plain HTTP at their port for TLS. */
const HTTP_TO_HTTPS = /HTTP request (was sent )?to (an )?HTTPS (server|port)/i;
const SAY_HTTPS = 'Write https:// before the address: --master and `server` without a scheme mean http://.';

/** What an API server answers instead of what was asked for. */
export interface ApiStatus {
  /** Of HTTP. */
  readonly status: number;
  /** Kubernetes' word: `Expired`, `Forbidden`, …; empty where there is none. */
  readonly reason?: string;
  /** How long the server wants to be left alone; null where it does not say. */
  readonly retryAfterMs?: number | null;
  /** Where that of the code says too little. */
  readonly remedy?: string;
}

/** The API server answered, and it is a failure. */
export class ApiStatusError extends KubeSpliceError {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    { status, reason = '', retryAfterMs = null, remedy }: ApiStatus,
  ) {
    super(code, message, remedy === undefined ? {} : { remedy });
    this.name = 'ApiStatusError';
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * The failure that this response is. Its body is read, at most 64 KiB of it and for about ten seconds, and may be anything: a `Status`
 * (API conventions, "Response Status Kind"), a proxy's HTML, or nothing.
 *
 * @param now milliseconds since the epoch: `Retry-After` may be a date (RFC 9110, section 10.2.3).
 * @param elapsed ms, monotonic.
 */
export async function statusErrorOf(
  response: ApiResponse,
  now: () => number = Date.now,
  elapsed: () => number = () => performance.now(),
): Promise<ApiStatusError> {
  const { status } = response;
  const text = await boundedText(response.body, elapsed);
  const body = parsed(text);
  const askedMs = retryAfterMs(response.header('retry-after'), now());
  const fallback = isMapping(body) ? '' : firstWords(text);
  return failure({ ...statusFields(body), status }, askedMs, fallback);
}

/** The failure that a `Status` object tells of: what a watch sends where it cannot go on. */
export function statusErrorFrom(object: unknown): ApiStatusError {
  const fields = statusFields(object);
  return failure(fields, null, '');
}

interface StatusFields {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | null;
}

function statusFields(object: unknown): StatusFields {
  const { code, reason, message, details } = isMapping(object) ? object : {};
  const seconds = isMapping(details) ? details.retryAfterSeconds : undefined;
  return {
    status: typeof code === 'number' ? code : 500,
    reason: typeof reason === 'string' ? printable(reason).slice(0, 100) : '',
    message: typeof message === 'string' ? message : '',
    retryAfterMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : null,
  };
}

function failure(fields: StatusFields, askedMs: number | null, fallback: string): ApiStatusError {
  const { status, reason } = fields;
  const words = shortened(fields.message || fallback);
  const name = STATUS_CODES[status] ?? reason;
  const message = `the API server answered ${`${status} ${name}`.trim()}${words === '' ? '' : `: ${words}`}`;
  return new ApiStatusError(codeOf(status), message, {
    status,
    reason,
    retryAfterMs: askedMs ?? fields.retryAfterMs,
    ...(status === 400 && HTTP_TO_HTTPS.test(words) ? { remedy: SAY_HTTPS } : {}),
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'APISERVER_UNAUTHORIZED';
  if (status === 403) return 'APISERVER_FORBIDDEN';
  if (status === 429 || status === 503) return 'APISERVER_BUSY';
  return 'APISERVER_FAILED';
}

/** Seconds, or a date in any form of RFC 9110; undefined and anything else are null. */
function retryAfterMs(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse takes much that is no date; those of RFC 9110 begin with a day's name.
  const time = /^[A-Z][a-z]{2,}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? null : Math.max(0, time - now);
}

/** A body that breaks off says as much as came of it: the status is the news. */
async function boundedText(body: AsyncIterable<Buffer>, elapsed: () => number): Promise<string> {
  const begun = elapsed();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= LARGEST_BODY_BYTES || elapsed() - begun >= LONGEST_BODY_MS) break;
    }
  } catch {
    // Told by the status.
  }
  return Buffer.concat(chunks).subarray(0, LARGEST_BODY_BYTES).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The words of a text that may be HTML. */
function firstWords(text: string): string {
  return text
    .replace(/<(style|script|head)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
