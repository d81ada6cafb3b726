import { hostPort } from '../../model/endpoint.js';
import type { RecentFailure } from '../../relay/recent-failures.js';
import { countOf, timeQuantity } from '../quantity.js';
import type { StatusReport } from '../status-report.js';
import { portalsOf, type ServicePortTraffic } from '../watch/traffic-rates.js';
import { shareBar, sparkline } from './charts.js';
import { type Html, html } from './html.js';
import type { Look } from './live-report.js';
import { type Order, type PageOfTraffic, type PageQuery, pageAddress, pageOf } from './page-query.js';
import { bytesText, clockText, endpointsText, rateText, type State, troubleOf } from './page-words.js';

/** The parts of a page that change while it is looked at, by the id of the element that each is in. */
export type Fragments = ReadonlyMap<string, Html>;

export interface Overview {
  readonly look: Look;
  readonly state: State;
  /** The oldest first. */
  readonly failures: readonly RecentFailure[];
}

/** What `/` shows. */
export function overviewFragments({ look, state, failures }: Overview, query: PageQuery): Fragments {
  const shown = pageOf(look.traffic, query);
  return new Map([
    ['state', html`<span class="${state.isWell ? 'well' : 'wrong'}">${state.sentence}</span>`],
    ['facts', facts(look.report)],
    ['errors', errors(look.report)],
    ['totals', totals(look)],
    ['found', html`${foundText(shown, look.report.servicePorts.length)}`],
    ['rows', html`${shown.rows.map((row) => rowOf(row, look))}`],
    ['pager', pager(shown, query)],
    ['failures', failureRows(failures)],
  ]);
}

/** The page as it is sent first: each part is where it is kept up to date. */
export function overviewBody(fragments: Fragments, query: PageQuery): Html {
  const part = (id: string): Html => fragments.get(id) ?? html``;
  return html`<p id="state" role="status">${part('state')}</p>
<p id="facts" class="facts">${part('facts')}</p>
<ul id="errors" class="errors">${part('errors')}</ul>
<div id="totals" class="totals">${part('totals')}</div>
<section aria-labelledby="ports-title">
<h2 id="ports-title">Service ports</h2>
<form role="search" action="/" method="get">
<label for="q">Search</label>
<input id="q" name="q" type="search" value="${query.search}" placeholder="name, address or port" autocomplete="off" spellcheck="false">
${query.order === 'name' ? null : html`<input type="hidden" name="sort" value="${query.order}">`}
<button type="submit">Search</button>
<span id="found" class="found">${part('found')}</span>
</form>
<div class="wide" tabindex="0" role="region" aria-labelledby="ports-title">
<table>
<thead><tr><th scope="col">${orderLink('Name', 'name', query)}</th><th scope="col" class="more">ClusterIP</th><th scope="col" class="more number">Portal</th><th scope="col" class="number">Open</th><th scope="col" class="number">${orderLink('New/s', 'traffic', query)}</th><th scope="col" class="number">In/s</th><th scope="col" class="number">Out/s</th><th scope="col" class="more">Last two minutes</th><th scope="col">Endpoints<span class="more">, and their share</span></th></tr></thead>
<tbody id="rows">${part('rows')}</tbody>
</table>
</div>
<nav id="pager" class="pager" aria-label="Pages">${part('pager')}</nav>
</section>
<section aria-labelledby="failures-title">
<h2 id="failures-title">Failed last</h2>
<ul id="failures" class="failures">${part('failures')}</ul>
</section>`;
}

function orderLink(text: string, order: Order, query: PageQuery): Html {
  const isChosen = query.order === order;
  return html`<a href="${pageAddress({ ...query, order, page: 1 })}"${isChosen ? html` aria-current="true"` : null}>${text}</a>`;
}

function facts({
  version,
  startedAt,
  currentTime,
  relay,
  steering,
  sync,
  sources,
  node,
}: StatusReport): Html {
  const now = Date.parse(currentTime);
  const ago = (time: string): string => timeQuantity(now - Date.parse(time));
  const refused = steering.refused === null ? 0 : steering.refused.connections + steering.refused.datagrams;
  return html`kube-splice ${version}${node === null ? null : html` on <b>${node.name}</b>`}, up ${ago(startedAt)}
 · relay <b>${relay.kind}</b> (${relay.reason}) · steering <b>${steering.kind}</b> (${steering.reason})${refused === 0 ? null : `, ${refused} refused at portals`}
 · ${sync.lastSynced === null ? 'not synced yet' : `synced ${ago(sync.lastSynced)} ago`}${sync.pendingSince === null ? null : `, a change has waited for ${ago(sync.pendingSince)}`}
 · ${sources.map(
   ({ kind, location, objects, connected, connectionChangedAt, stale }) =>
     html`${kind} ${location}, ${countOf(objects, 'object')}${connected === null ? null : `, ${connected ? 'connected' : 'NOT CONNECTED'}${connectionChangedAt === null ? '' : ` for ${ago(connectionChangedAt)}`}`}${stale ? ', stale' : null} `,
 )}`;
}

/** Of the proxy as a whole: those of service ports stand with them. */
function errors({ sync, sources }: StatusReport): Html {
  const all = [
    ...sources.flatMap(({ location, errors: ofSource }) => ofSource.map((error) => `${location}: ${error}`)),
    ...sync.errors.map((error) => `sync: ${error}`),
  ];
  return html`${all.map((error) => html`<li>${error}</li>`)}`;
}

function totals({ traffic, history }: Look): Html {
  const sum = (rate: (row: ServicePortTraffic) => number | null): number | null =>
    traffic.reduce<number | null>((total, row) => {
      const own = rate(row);
      return own === null ? total : (total ?? 0) + own;
    }, null);
  const { connections, bytes } = history.total;
  return html`<div><h3>Connections</h3><p><b>${sum(({ open }) => open) ?? 0}</b> open, <b>${rateText(sum(({ newPerSecond }) => newPerSecond))}</b> new a second</p>${sparkline(connections)}</div>
<div><h3>Bytes a second</h3><p><b>${bytesText(sum(({ bytesInPerSecond }) => bytesInPerSecond))}</b> in, <b>${bytesText(sum(({ bytesOutPerSecond }) => bytesOutPerSecond))}</b> out</p>${sparkline(bytes)}</div>`;
}

function foundText({ found, page, pages }: PageOfTraffic, all: number): string {
  const which = found === all ? countOf(all, 'service port') : `${found} of ${countOf(all, 'service port')}`;
  return pages === 1 ? which : `${which}, page ${page} of ${pages}`;
}

function rowOf(
  { servicePort, open, newPerSecond, bytesInPerSecond, bytesOutPerSecond }: ServicePortTraffic,
  { history }: Look,
): Html {
  const { name, protocol, clusterIP, port, portal } = servicePort;
  const trouble = troubleOf(servicePort);
  const address = `/service?name=${encodeURIComponent(name)}`;
  return html`<tr${trouble === null ? null : html` class="trouble"`}><th scope="row"><a id="${`to-${name}`}" href="${address}">${name}</a>${protocol === 'UDP' ? html` <small>UDP</small>` : null}${trouble === null ? null : html`<small class="why">${trouble}</small>`}</th><td class="more">${clusterIP === null ? '–' : hostPort(clusterIP, port)}</td><td class="more number">${portal === null ? '–' : portal.port}</td><td class="number">${open}</td><td class="number">${rateText(newPerSecond)}</td><td class="number">${bytesText(bytesInPerSecond)}</td><td class="number">${bytesText(bytesOutPerSecond)}</td><td class="more">${sparkline(history.of(name).bytes)}</td><td>${portalsOf(servicePort).map((its) => html`<div class="shares">${shareBar(its.endpoints)}<span>${endpointsText(its)}${its === servicePort ? null : ' from outside'}</span></div>`)}</td></tr>
`;
}

function pager({ page, pages }: PageOfTraffic, query: PageQuery): Html {
  if (pages === 1) return html``;
  const link = (to: number, text: string): Html =>
    to < 1 || to > pages
      ? html`<span>${text}</span>`
      : html`<a id="${`page-${text}`}" href="${pageAddress({ ...query, page: to })}">${text}</a>`;
  return html`${link(page - 1, 'Previous')} <span>Page ${page} of ${pages}</span> ${link(page + 1, 'Next')}`;
}

function failureRows(failures: readonly RecentFailure[]): Html {
  if (failures.length === 0) return html`<li>Nothing.</li>`;
  return html`${failures
    .toReversed()
    .map(({ at, failure: { name, client, endpoint, reason, detail, final } }) => {
      const [servicePort = name] = name.split('@');
      return html`<li><time>${clockText(new Date(at).toISOString())}</time> <a id="${`failed-${at}-${client.port}`}" href="/service?name=${encodeURIComponent(servicePort)}">${servicePort}</a>: ${reason}${detail === undefined ? null : ` (${detail})`}${endpoint === undefined || endpoint === null ? null : html`, endpoint <b>${endpoint.key}</b>`}, client ${hostPort(client.address, client.port)}; ${final ? html`<b>the client lost it</b>` : 'another endpoint was tried'}</li>`;
    })}`;
}
