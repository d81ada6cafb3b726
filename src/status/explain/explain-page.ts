import { type ErrorCode, KubeSpliceError } from '../../model/errors.js';
import { json, type Page } from '../page-answer.js';
import type { Explain } from './explainer.js';

/** What is wrong with the question, and the status code that says so. */
const REFUSALS: ReadonlyMap<ErrorCode, number> = new Map([
  ['SERVICE_PORT_UNKNOWN', 404],
  ['CLIENT_ADDRESS_INVALID', 400],
]);

/**
 * `/v1/explain?service=NAMESPACE/SERVICE[:PORT][&client=IP]`: the error as JSON with 404 where there is no such service port,
 * with 400 where the client is no address.
 */
export function explainPage(explain: Explain): Page {
  return async ({ query }) => {
    try {
      const report = await explain({ service: query.get('service') ?? '', client: query.get('client') });
      return json(200, `${JSON.stringify(report)}\n`);
    } catch (error) {
      const status = error instanceof KubeSpliceError ? REFUSALS.get(error.code) : undefined;
      if (!(error instanceof KubeSpliceError) || status === undefined) throw error;
      const { code, message, remedy } = error;
      return json(status, `${JSON.stringify({ code, error: message, remedy })}\n`);
    }
  };
}
