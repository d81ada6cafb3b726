import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../model/endpoint.js';
import { systemErrorCode } from '../../model/errors.js';
import type { FailureReason } from '../engine.js';
import { SOCKET_OPTIONS } from './socket-options.js';

/** How long each try to reach an endpoint may take, ms: kube-proxy's `EndpointDialTimeouts` (userspace mode). */
export const DIAL_TIMEOUTS_MS: readonly number[] = [250, 500, 1000, 2000];

/** Why an endpoint was not reached. */
export class DialFailure extends Error {
  constructor(
    readonly reason: FailureReason,
    readonly detail: string,
  ) {
    super(`${reason}: ${detail}`);
    this.name = 'DialFailure';
  }
}

/**
 * Whether it is the endpoint's fault, or that of the way to it: what this host has too few of (files, ports, memory) says
 * nothing of an endpoint, and neither does an address that leads back.
 */
export function isTheEndpointsFault({ reason }: DialFailure): boolean {
  return reason === 'dial-refused' || reason === 'dial-timeout' || reason === 'dial-unreachable';
}

/** A try under way. */
export interface Dial {
  /** The open socket, allowed to be half-open, not yet read from; rejects with a DialFailure. */
  readonly socket: Promise<Socket>;
  /** Gives up: `socket` rejects, nothing stays open. Does nothing once it has settled. */
  abort(): void;
}

/** Tries to connect to an endpoint for at most `timeoutMs`. */
export function dial(endpoint: Endpoint, timeoutMs: number): Dial {
  const socket = connect({
    host: endpoint.address,
    port: endpoint.port,
    autoSelectFamily: false,
    ...SOCKET_OPTIONS,
  });
  let fail: (failure: DialFailure) => void = () => undefined;
  const connected = new Promise<Socket>((resolve, reject) => {
    const timer = setTimeout(() => fail(new DialFailure('dial-timeout', `${timeoutMs} ms`)), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      socket.removeAllListeners('connect');
      socket.removeAllListeners('error');
      fail = () => undefined;
    };
    fail = (failure) => {
      settle();
      // A socket that fails later has nobody left to tell.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(failure);
    };
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
    socket.once('error', (error) => fail(dialFailure(error)));
  });
  return { socket: connected, abort: () => fail(new DialFailure('dial-failed', 'aborted')) };
}

function dialFailure(error: Error): DialFailure {
  const code = systemErrorCode(error) ?? error.message;
  switch (code) {
    case 'ECONNREFUSED':
      return new DialFailure('dial-refused', code);
    case 'ETIMEDOUT':
      return new DialFailure('dial-timeout', code);
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
      return new DialFailure('dial-unreachable', code);
    case 'EMFILE':
    case 'ENFILE':
      return new DialFailure('out-of-files', code);
    default:
      return new DialFailure('dial-failed', code);
  }
}
