import type { EndpointStatus } from '../service-port-status.js';
import { type Html, html } from './html.js';
import { SAMPLES } from './traffic-history.js';

const HEIGHT = 24;
/** Units of the drawing between two looks; it is stretched to its place. */
const STEP = 2;

/** Of a bar, at least, what one that is set aside takes: it is to be seen also where it carried nothing. */
const LEAST_ASIDE = 0.05;

/** Segments of a bar: more are too narrow to be told apart, and the rest is one. */
const MOST_SEGMENTS = 24;

/**
 * Rates as a small area, the newest at the right edge, as high as the highest of them. The text beside it says the figure: for whoever
 * sees no chart it is not there.
 */
export function sparkline(rates: readonly number[]): Html {
  const highest = Math.max(...rates, 0);
  if (rates.length < 2 || highest === 0)
    return svg('spark', html`<path class="axis" d="M0 ${HEIGHT}H${WIDTH}"/>`);
  const points = rates.map((rate, index) => {
    const x = WIDTH - (rates.length - 1 - index) * STEP;
    const y = HEIGHT - (rate / highest) * (HEIGHT - 2);
    return `${x} ${y.toFixed(1)}`;
  });
  const line = points.join('L');
  const left = WIDTH - (rates.length - 1) * STEP;
  return svg(
    'spark',
    html`<path class="area" d="M${left} ${HEIGHT}L${line}L${WIDTH} ${HEIGHT}Z"/><path class="line" d="M${line}"/>`,
  );
}

const WIDTH = (SAMPLES - 1) * STEP;

/**
 * How the connections of a portal were shared out among its endpoints since it opened: equal segments are a good balance. One that is
 * set aside is marked. Where nothing was carried yet all are equal, and pale.
 */
export function shareBar(endpoints: readonly EndpointStatus[]): Html {
  const total = endpoints.reduce((sum, { totalConnections }) => sum + totalConnections, 0);
  const weights = endpoints.map(({ totalConnections, setAsideUntil }) =>
    total === 0 ? 1 : Math.max(totalConnections, setAsideUntil === null ? 0 : LEAST_ASIDE * total),
  );
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  let left = 0;
  const segments = endpoints.slice(0, MOST_SEGMENTS).map(({ setAsideUntil }, index) => {
    const width = (100 * (weights[index] ?? 0)) / whole;
    const segment = html`<rect class="${segmentClass(index, setAsideUntil, total)}" x="${left.toFixed(2)}" y="0" width="${Math.max(0, width - 0.6).toFixed(2)}" height="8"/>`;
    left += width;
    return segment;
  });
  const rest =
    endpoints.length > MOST_SEGMENTS
      ? html`<rect class="rest" x="${left.toFixed(2)}" y="0" width="${Math.max(0, 100 - left).toFixed(2)}" height="8"/>`
      : null;
  return html`<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">${segments}${rest}</svg>`;
}

function segmentClass(index: number, setAsideUntil: string | null, total: number): string {
  if (setAsideUntil !== null) return 'aside';
  if (total === 0) return 'idle';
  return index % 2 === 0 ? 'even' : 'odd';
}

/** The share of one endpoint, in percent with one digit; nothing where nothing was carried. */
export function shareText(endpoint: EndpointStatus, endpoints: readonly EndpointStatus[]): string {
  const total = endpoints.reduce((sum, { totalConnections }) => sum + totalConnections, 0);
  return total === 0 ? '–' : `${((100 * endpoint.totalConnections) / total).toFixed(1)} %`;
}

function svg(name: string, content: Html): Html {
  return html`<svg class="${name}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">${content}</svg>`;
}
