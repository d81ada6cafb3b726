import type { Answer } from '../page-answer.js';
import type { LiveReport, Look } from './live-report.js';
import type { Fragments } from './overview.js';

/** How soon a browser connects anew, ms. */
const RETRY_MS = 2_000;

/**
 * A stream of server-sent events (HTML Living Standard, 9.2) that keeps a page up to date: after each look one event `parts`, with those
 * that changed, as `[id, markup]`. It is sent where none did, too: by that a browser knows that figures are of now.
 *
 * @param fragments what the page shows of a look.
 */
export function eventsAnswer(
  live: LiveReport,
  fragments: (look: Look) => Promise<Fragments>,
  signal: AbortSignal,
): Answer {
  return {
    status: 200,
    contentType: 'text/event-stream',
    body: events(live, fragments, signal),
    // A proxy in between is not to hold them back (nginx, X-Accel-Buffering).
    headers: { 'x-accel-buffering': 'no' },
  };
}

async function* events(
  live: LiveReport,
  fragments: (look: Look) => Promise<Fragments>,
  signal: AbortSignal,
): AsyncGenerator<string, undefined> {
  yield `retry: ${RETRY_MS}\n\n`;
  let seen: Look | null = null;
  let sent = new Map<string, string>();
  while (!signal.aborted) {
    try {
      seen = await live.next(seen, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const parts = new Map([...(await fragments(seen))].map(([id, { text }]) => [id, text]));
    const changed = [...parts].filter(([id, text]) => sent.get(id) !== text);
    sent = parts;
    yield `event: parts\ndata: ${JSON.stringify(changed)}\n\n`;
  }
}
