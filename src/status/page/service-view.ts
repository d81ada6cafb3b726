import { hostPort } from '../../model/endpoint.js';
import type { ExplainReport, Explanation } from '../explain/explanation.js';
import { explanationText } from '../explain/explanation-text.js';
import type { EndpointStatus, PortalStatus } from '../service-port-status.js';
import type { ServicePortTraffic } from '../watch/traffic-rates.js';
import { shareBar, shareText, sparkline } from './charts.js';
import { type Html, html } from './html.js';
import type { Look } from './live-report.js';
import type { Fragments } from './overview.js';
import { bytesText, clockText, rateText, troubleOf } from './page-words.js';

/** What `/service` shows of one service port: what it carries, its endpoints with their shares, and what `explain` says. */
export function serviceFragments(look: Look, row: ServicePortTraffic, explained: ExplainReport): Fragments {
  const { servicePort } = row;
  const trouble = troubleOf(servicePort);
  const [explanation] = explained.explanations;
  return new Map([
    [
      'state',
      html`<span class="${trouble === null ? 'well' : 'wrong'}">${trouble ?? 'Served as it should be'}</span>`,
    ],
    ['totals', totals(look, row)],
    ['rows', endpointRows(servicePort, explanation)],
    [
      'outside',
      servicePort.external === null
        ? html``
        : endpointRows(servicePort.external, explanation, 'from outside'),
    ],
    ['explanation', html`${explanationText(explained)}`],
  ]);
}

/** The page as it is sent first. */
export function serviceBody(name: string, fragments: Fragments): Html {
  const part = (id: string): Html => fragments.get(id) ?? html``;
  return html`<p><a href="/">All service ports</a></p>
<h2 class="name">${name}</h2>
<p id="state" role="status">${part('state')}</p>
<div id="totals" class="totals">${part('totals')}</div>
<section aria-labelledby="endpoints-title">
<h3 id="endpoints-title">Endpoints</h3>
<div class="wide" tabindex="0" role="region" aria-labelledby="endpoints-title">
<table>
<thead><tr><th scope="col">Endpoint</th><th scope="col" class="number">Open</th><th scope="col" class="number">Total</th><th scope="col" class="number">Share</th><th scope="col">State</th></tr></thead>
<tbody id="rows">${part('rows')}</tbody>
<tbody id="outside">${part('outside')}</tbody>
</table>
</div>
</section>
<section aria-labelledby="explanation-title">
<h3 id="explanation-title">Why its traffic goes where it goes</h3>
<pre id="explanation" tabindex="0">${part('explanation')}</pre>
</section>`;
}

/** What is shown where no such service port is proxied. */
export function unknownServiceBody(message: string, remedy: string): Html {
  return html`<p><a href="/">All service ports</a></p>
<p id="state" role="status"><span class="wrong">${message}</span></p>
<p>${remedy}</p>`;
}

function totals({ history }: Look, row: ServicePortTraffic): Html {
  const { servicePort, open, newPerSecond, bytesInPerSecond, bytesOutPerSecond } = row;
  const { connections, bytes } = history.of(servicePort.name);
  return html`<div><h3>Connections</h3><p><b>${open}</b> open, <b>${rateText(newPerSecond)}</b> new a second</p>${sparkline(connections)}</div>
<div><h3>Bytes a second</h3><p><b>${bytesText(bytesInPerSecond)}</b> in, <b>${bytesText(bytesOutPerSecond)}</b> out</p>${sparkline(bytes)}</div>`;
}

function endpointRows(portal: PortalStatus, explanation: Explanation | undefined, which?: string): Html {
  const { endpoints, drainingEndpoints } = portal;
  const nodeOf = (endpoint: EndpointStatus): string | null =>
    explanation?.candidates?.find(
      ({ address, port }) => address === endpoint.address && port === endpoint.port,
    )?.nodeName ?? null;
  const row = (endpoint: EndpointStatus, state: Html, isTrouble: boolean): Html => {
    const node = nodeOf(endpoint);
    return html`<tr${isTrouble ? html` class="trouble"` : null}><th scope="row">${hostPort(endpoint.address, endpoint.port)}${node === null ? null : html` <small>on ${node}</small>`}</th><td class="number">${endpoint.connections}</td><td class="number">${endpoint.totalConnections}</td><td class="number">${shareText(endpoint, endpoints)}</td><td class="state">${state}</td></tr>
`;
  };
  const bar =
    endpoints.length === 0
      ? html`<tr class="trouble"><td colspan="5">${which === undefined ? 'No endpoints' : `No endpoints ${which}`}</td></tr>`
      : html`<tr><td colspan="5">${which ?? null}${shareBar(endpoints)}</td></tr>`;
  return html`${bar}
${endpoints.map((endpoint) =>
  endpoint.setAsideUntil === null
    ? row(endpoint, html`in use`, false)
    : row(
        endpoint,
        html`set aside until ${clockText(endpoint.setAsideUntil)}: it could not be reached`,
        true,
      ),
)}${drainingEndpoints.map((endpoint) => row(endpoint, html`draining: open connections go on`, false))}`;
}
