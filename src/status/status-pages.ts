import { configObjects } from '../config/file/config-text.js';
import type { ProxyConfig } from '../config/proxy-config.js';
import { explainPage } from './explain/explain-page.js';
import { type Health, healthzBody } from './health.js';
import type { MetricsPage } from './metrics/metrics.js';
import { type StatusPageFigures, statusPage } from './page/status-page.js';
import { type Answer, json, type Page, type Pages, text } from './page-answer.js';
import { profilePages } from './profile-pages.js';

/** What the pages show. Each is asked anew for every request. */
export interface StatusFigures extends StatusPageFigures {
  /** Of `/healthz`: whether load balancers are to send clients here. */
  readonly health: () => Health;
  /** Of `/livez`: whether it works, also while it is leaving. */
  readonly liveness: () => Health;
  /** Of `/readyz`: why it does not serve what it is to serve; null where it does. */
  readonly unready: () => string | null;
  readonly metrics: () => Promise<MetricsPage>;
  /** What `/configz` shows: how it was asked to run. */
  readonly config: () => ProxyConfig;
  /** What `/proxyMode` answers; kube-proxy's word for what this is. */
  readonly proxyMode: string;
}

/** What is served where health is: for probes, load balancers and `kube-splice status`. */
export function healthPages(figures: StatusFigures): Pages {
  return new Map<string, Page>([
    ['/healthz', () => healthzAnswer(figures.health())],
    ['/livez', () => healthzAnswer(figures.liveness())],
    ['/readyz', () => readyzAnswer(figures.unready())],
    ['/proxyMode', () => text(200, figures.proxyMode)],
    ['/v1/status', async () => json(200, `${JSON.stringify(await figures.report())}\n`)],
    ['/v1/explain', explainPage(figures.explain)],
  ]);
}

/** What is served where metrics are: everything, for whoever operates it. */
export function operatorPages(figures: StatusFigures): Pages {
  return new Map<string, Page>([
    ...statusPage(figures),
    ...healthPages(figures),
    ['/metrics', async () => ({ status: 200, ...(await figures.metrics()) })],
    ...profilePages(figures.config().profiling),
    ['/configz', () => json(200, `${JSON.stringify(configObjects(figures.config()))}\n`)],
  ]);
}

function healthzAnswer(health: Health): Answer {
  return json(health.healthy ? 200 : 503, healthzBody(health));
}

/** As Kubernetes' own servers answer it (kubernetes.io, API health endpoints): one word where all is well. */
function readyzAnswer(unready: string | null): Answer {
  return unready === null ? text(200, 'ok') : text(503, `${unready}\n`);
}
