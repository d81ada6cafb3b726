import type { Field } from './field.js';

/** What the endpoint controllers write: when the pod or the Service changed that they changed the endpoints for. */
const ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

/**
 * Reads the annotation of an EndpointSlice or Endpoints (kubernetes/enhancements, KEP-752), ms since the epoch. Null where there is
 * none, or it is no time: nothing but a metric depends on it.
 */
export function readTriggerTime(annotations: Field): number | null {
  const { value } = annotations.child(ANNOTATION);
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}
