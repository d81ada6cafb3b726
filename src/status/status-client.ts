import { get, type IncomingMessage } from 'node:http';
import type { StatusAddress } from '../config/proxy-config.js';
import { reachableAddress } from '../model/address.js';
import { hostPort } from '../model/endpoint.js';
import { KubeSpliceError, systemErrorCode } from '../model/errors.js';
import { isStatusReport } from './status-guard.js';
import type { StatusReport } from './status-report.js';

export interface StatusClientLimits {
  /** Milliseconds for the whole exchange. */
  readonly deadlineMs: number;
  /** Bytes of an answer that are read. */
  readonly maxBytes: number;
}

/** Ten thousand service ports of ten endpoints each make about 15 MiB. */
const LIMITS: StatusClientLimits = { deadlineMs: 5_000, maxBytes: 64 * 1024 * 1024 };

/**
 * Asks a running kube-splice for its status report. Fields that a newer one added are kept. An unspecified address,
 * `0.0.0.0` or `::`, is asked on loopback.
 *
 * @throws KubeSpliceError `STATUS_UNREACHABLE` where nobody answers in time; `STATUS_MALFORMED` where what answers is
 *   not a status report.
 */
export async function askStatus(
  statusAddress: StatusAddress,
  limits: StatusClientLimits = LIMITS,
): Promise<StatusReport> {
  const answer = await askPage(statusAddress, '/v1/status', limits);
  const value = jsonOf(answer);
  if (!isStatusReport(value)) throw malformed(answer.where, 'its JSON is not a status report');
  return value;
}

/** What a page of a running kube-splice answered. */
export interface PageAnswer {
  /** `address:port` of who answered. */
  readonly where: string;
  readonly path: string;
  readonly status: number;
  readonly body: string;
}

/**
 * Asks a running kube-splice for a page.
 *
 * @throws KubeSpliceError `STATUS_UNREACHABLE` where nobody answers in time; `STATUS_MALFORMED` where what answers does not speak
 *   HTTP, or says too much.
 */
export async function askPage(
  statusAddress: StatusAddress,
  path: string,
  limits: StatusClientLimits = LIMITS,
): Promise<PageAnswer> {
  const address = reachableAddress(statusAddress.address);
  const where = hostPort(address, statusAddress.port);
  const deadline = AbortSignal.timeout(limits.deadlineMs);
  try {
    const response = await request(address, statusAddress.port, path, deadline);
    const body = await read(response, limits.maxBytes);
    if (body === null) throw malformed(where, `its answer is longer than ${limits.maxBytes} bytes`);
    return { where, path, status: response.statusCode ?? 0, body };
  } catch (error) {
    if (error instanceof KubeSpliceError) throw error;
    if (deadline.aborted) throw unreachable(where, `no answer within ${limits.deadlineMs / 1000} s`, error);
    const code = systemErrorCode(error) ?? '';
    // Node's HTTP parser names its complaints HPE_…: somebody is there, and speaks something else.
    if (code.startsWith('HPE_')) throw malformed(where, 'it does not speak HTTP', error);
    throw unreachable(where, code === '' ? String(error) : code, error);
  }
}

/**
 * The JSON of an answer.
 *
 * @throws KubeSpliceError `STATUS_MALFORMED` where it is no good answer, or no JSON.
 */
export function jsonOf({ where, path, status, body }: PageAnswer): unknown {
  if (status === 500) {
    throw malformed(where, `it failed to make its report: ${body.slice(0, 500).trim()}`, undefined, {
      remedy: 'The log of the running kube-splice says more.',
    });
  }
  if (status !== 200) throw malformed(where, `it answered ${status} for ${path.replace(/\?.*/, '')}`);
  return parseJson(where, body);
}

function request(host: string, port: number, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host, port, path, agent: false, signal, headers: { accept: 'application/json' } }, resolve).on(
      'error',
      reject,
    );
  });
}

async function read(response: IncomingMessage, maxBytes: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop destroys the response and its connection.
    if (length > maxBytes) return null;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(where: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw malformed(where, 'its answer is not JSON', error);
  }
}

function unreachable(where: string, why: string, cause: unknown): KubeSpliceError {
  return new KubeSpliceError('STATUS_UNREACHABLE', `no kube-splice answers at ${where}: ${why}`, { cause });
}

/** What answers is not what was asked for. */
export function malformed(
  where: string,
  why: string,
  cause?: unknown,
  options: { remedy?: string } = {},
): KubeSpliceError {
  return new KubeSpliceError('STATUS_MALFORMED', `what answers at ${where} gives no status: ${why}`, {
    cause,
    ...options,
  });
}
