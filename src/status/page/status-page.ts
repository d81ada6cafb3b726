import type { Logger } from '../../host/log.js';
import { KubeSpliceError } from '../../model/errors.js';
import type { RecentFailure } from '../../relay/recent-failures.js';
import type { Explain } from '../explain/explainer.js';
import type { Health } from '../health.js';
import type { Answer, Page, PageRequest, Pages } from '../page-answer.js';
import type { StatusReport } from '../status-report.js';
import { documentAnswer } from './layout.js';
import { LiveReport, type Look } from './live-report.js';
import { type Fragments, overviewBody, overviewFragments } from './overview.js';
import { eventsAnswer } from './page-events.js';
import { pageQuery } from './page-query.js';
import { PAGE_SCRIPT } from './page-script.js';
import { PAGE_ICON, PAGE_STYLE } from './page-style.js';
import { stateOf } from './page-words.js';
import { serviceBody, serviceFragments, unknownServiceBody } from './service-view.js';

/** What the status page shows. Each is asked anew for every look. */
export interface StatusPageFigures {
  readonly health: () => Health;
  readonly unready: () => string | null;
  readonly report: () => Promise<StatusReport>;
  readonly explain: Explain;
  /** Of all portals, the oldest first. */
  readonly recentFailures: () => readonly RecentFailure[];
  readonly logger: Logger;
}

/** How often the proxy is looked at while somebody watches, and for how long after that, ms. */
const INTERVAL_MS = 2_000;
const LINGER_MS = 120_000;

/**
 * The page for people: `/` has every service port, `/service?name=…` one of them. Each is whole as it is sent, and a stream of its own
 * keeps it up to date.
 *
 *     /, /service ──▶ document ─┬─▶ /page.css, /page.js, /page.svg
 *                               └─▶ /events?… ──▶ the parts that changed, every two seconds
 */
export function statusPage(figures: StatusPageFigures): Pages {
  const live = new LiveReport({
    report: figures.report,
    logger: figures.logger,
    intervalMs: INTERVAL_MS,
    lingerMs: LINGER_MS,
    now: () => performance.now(),
  });
  const overview = (look: Look, query: URLSearchParams): Fragments => {
    const state = stateOf(look.report, figures.health(), figures.unready());
    return overviewFragments({ look, state, failures: figures.recentFailures() }, pageQuery(query));
  };
  return new Map<string, Page>([
    [
      '/',
      async ({ query }) =>
        documentAnswer(200, {
          title: 'kube-splice',
          events: withQuery('/events', query),
          body: overviewBody(overview(await live.current(), query), pageQuery(query)),
        }),
    ],
    ['/service', (request) => servicePage(live, figures, request)],
    [
      '/events',
      ({ query, signal }) =>
        eventsAnswer(
          live,
          async (look) =>
            query.has('name')
              ? ((await ofService(look, figures, query.get('name') ?? '')) ?? new Map())
              : overview(look, query),
          signal,
        ),
    ],
    ['/page.css', () => asset('text/css; charset=utf-8', PAGE_STYLE)],
    ['/page.js', () => asset('text/javascript; charset=utf-8', PAGE_SCRIPT)],
    ['/page.svg', () => asset('image/svg+xml', PAGE_ICON)],
  ]);
}

async function servicePage(
  live: LiveReport,
  figures: StatusPageFigures,
  { query }: PageRequest,
): Promise<Answer> {
  const name = query.get('name') ?? '';
  const fragments = await ofService(await live.current(), figures, name);
  if (fragments === null) {
    const { message, remedy } = new KubeSpliceError(
      'SERVICE_PORT_UNKNOWN',
      `no service port ${name} is proxied here`,
    );
    return documentAnswer(404, {
      title: 'kube-splice: no such service port',
      events: null,
      body: unknownServiceBody(message, remedy),
    });
  }
  return documentAnswer(200, {
    title: `${name}: kube-splice`,
    events: withQuery('/events', query),
    body: serviceBody(name, fragments),
  });
}

/** Null where it is not proxied, or not any more. */
async function ofService(
  look: Look,
  { explain }: StatusPageFigures,
  name: string,
): Promise<Fragments | null> {
  const row = look.traffic.find(({ servicePort }) => servicePort.name === name);
  if (row === undefined) return null;
  const report = await explained(explain, row.servicePort.name);
  return report === null ? null : serviceFragments(look, row, report);
}

async function explained(explain: Explain, name: string) {
  try {
    const report = await explain({ service: name, client: null });
    return {
      ...report,
      explanations: report.explanations.filter(({ servicePort }) => servicePort.name === name),
    };
  } catch (error) {
    if (error instanceof KubeSpliceError && error.code === 'SERVICE_PORT_UNKNOWN') return null;
    throw error;
  }
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

function asset(contentType: string, body: string): Answer {
  return { status: 200, contentType, body };
}
