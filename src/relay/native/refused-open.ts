import { hostPort } from '../../model/endpoint.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { PortalRequest } from '../engine.js';
import { RelayRefusal } from './relay-connection.js';

/** What a portal that the relay did not open says: `PORTAL_PORT_IN_USE` where another port would do, else `PORTAL_OPEN_FAILED`. */
export function refusedOpen(request: Omit<PortalRequest, 'routing'>, cause: unknown): KubeSpliceError {
  if (cause instanceof KubeSpliceError && cause.code.startsWith('PORTAL_')) return cause;
  const { name, protocol, address, port } = request;
  const where = `${hostPort(address, port)}/${protocol}`;
  if (!(cause instanceof RelayRefusal))
    return openFailed(`${name}: no portal on ${where}: ${said(cause)}`, cause);
  switch (cause.code) {
    case 'PORT_IN_USE':
      return new KubeSpliceError('PORTAL_PORT_IN_USE', `${name}: ${where} is in use`, { cause });
    case 'FILES_EXHAUSTED':
      return openFailed(`${name}: all ${cause.text} files that the relay may open are in use`, cause);
    case 'SHUTTING_DOWN':
      return openFailed(`${name}: the relay is shutting down`, cause);
    default:
      return openFailed(
        `${name}: no portal on ${where}: ${cause.text === '' ? cause.code : cause.text}`,
        cause,
      );
  }
}

function openFailed(message: string, cause: unknown): KubeSpliceError {
  return new KubeSpliceError('PORTAL_OPEN_FAILED', message, { cause });
}

function said(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
