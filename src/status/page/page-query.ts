import { isBroken, type ServicePortTraffic } from '../watch/traffic-rates.js';

/** Rows of a page: what a person can look through, and a browser draws without a pause. */
export const ROWS = 50;

const ORDERS = ['name', 'traffic'] as const;
export type Order = (typeof ORDERS)[number];

/** Which service ports somebody wants to see. */
export interface PageQuery {
  /** Words that all are to be in the name, an address or an endpoint. */
  readonly search: string;
  readonly order: Order;
  /** From 1. */
  readonly page: number;
}

/** Those that are shown, and how many there are. */
export interface PageOfTraffic {
  readonly rows: readonly ServicePortTraffic[];
  readonly found: number;
  /** No less than 1. */
  readonly pages: number;
  /** The one that is shown: the last where one further was asked for. */
  readonly page: number;
}

/** Text that is longer is nothing that a Service is called. */
const LONGEST_SEARCH = 300;

/** Never fails: what makes no sense is as though it was not there. */
export function pageQuery(query: URLSearchParams): PageQuery {
  const page = Number(query.get('page') ?? 1);
  return {
    search: (query.get('q') ?? '').trim().slice(0, LONGEST_SEARCH),
    order: ORDERS.find((order) => order === query.get('sort')) ?? 'name',
    page: Number.isSafeInteger(page) && page >= 1 ? page : 1,
  };
}

/** The address of such a page; defaults are left out. */
export function pageAddress({ search, order, page }: PageQuery): string {
  const query = new URLSearchParams({
    ...(search === '' ? {} : { q: search }),
    ...(order === 'name' ? {} : { sort: order }),
    ...(page === 1 ? {} : { page: String(page) }),
  }).toString();
  return query === '' ? '/' : `/?${query}`;
}

/** What is shown of all: those that something is wrong with come first, whatever the order. */
export function pageOf(traffic: readonly ServicePortTraffic[], query: PageQuery): PageOfTraffic {
  const words = query.search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? traffic : traffic.filter((row) => isMeant(row, words));
  const ordered = query.order === 'traffic' ? found : found.toSorted(byTroubleAndName);
  const pages = Math.max(1, Math.ceil(found.length / ROWS));
  const page = Math.min(query.page, pages);
  return { rows: ordered.slice((page - 1) * ROWS, page * ROWS), found: found.length, pages, page };
}

function isMeant({ servicePort }: ServicePortTraffic, words: readonly string[]): boolean {
  const { name, clusterIP, port, portal, endpoints } = servicePort;
  const places = [
    `${name} ${clusterIP ?? ''}:${port}`.toLowerCase(),
    portal === null ? '' : `:${portal.port}`,
  ];
  return words.every(
    (word) =>
      places.some((place) => place.includes(word)) ||
      endpoints.some(({ address, port: number }) => `${address}:${number}`.includes(word)),
  );
}

function byTroubleAndName(one: ServicePortTraffic, other: ServicePortTraffic): number {
  const trouble = Number(isBroken(other.servicePort)) - Number(isBroken(one.servicePort));
  if (trouble !== 0) return trouble;
  return one.servicePort.name < other.servicePort.name ? -1 : 1;
}
