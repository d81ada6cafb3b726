import { KubeSpliceError } from '../../model/errors.js';
import { json, type Page } from '../page-answer.js';
import type { ExplainReport } from './explanation.js';

/** `/v1/explain?service=NAMESPACE/SERVICE[:PORT]`: 404 with the error where there is no such service port. */
export function explainPage(explain: (asked: string) => Promise<ExplainReport>): Page {
  return async ({ query }) => {
    try {
      return json(200, `${JSON.stringify(await explain(query.get('service') ?? ''))}\n`);
    } catch (error) {
      if (!(error instanceof KubeSpliceError) || error.code !== 'SERVICE_PORT_UNKNOWN') throw error;
      const { code, message, remedy } = error;
      return json(404, `${JSON.stringify({ code, error: message, remedy })}\n`);
    }
  };
}
