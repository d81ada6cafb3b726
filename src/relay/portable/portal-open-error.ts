import { hostPort } from '../../model/endpoint.js';
import { KubeSpliceError, systemErrorCode } from '../../model/errors.js';
import type { PortalRequest } from '../engine.js';

/** What a portal that could not be opened says: `PORTAL_PORT_IN_USE` where another port would do, else `PORTAL_OPEN_FAILED`. */
export function portalOpenError(request: PortalRequest, cause: unknown): KubeSpliceError {
  if (cause instanceof KubeSpliceError) return cause;
  const where = `${hostPort(request.address, request.port)}/${request.protocol}`;
  if (systemErrorCode(cause) === 'EADDRINUSE') {
    return new KubeSpliceError('PORTAL_PORT_IN_USE', `${request.name}: ${where} is in use`, { cause });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KubeSpliceError('PORTAL_OPEN_FAILED', `${request.name}: no portal on ${where}: ${why}`, {
    cause,
  });
}
