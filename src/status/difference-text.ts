import { hostPort } from '../model/endpoint.js';
import { printable } from '../model/printable.js';
import type { DifferenceReport } from '../proxier/difference/difference-report.js';
import type { Differing, WayDifference } from '../proxier/difference/way-differences.js';
import { countOf } from './quantity.js';

/**
 * A report for people. Of each service port the ways that kube-proxy alone has begin with `-`, those that kube-splice alone would have with
 * `+`, and what both have in another manner with `~`. Ways of one service port that differ in the same are told together.
 */
export function differenceText(report: DifferenceReport): string {
  const { mode, rules, compared, differences, nodePortAddresses, notCompared, warnings } = report;
  const { kubeProxy, kubeSplice } = compared;
  const lines = [
    `kube-proxy in ${mode} mode (${rules}): ${amounts(kubeProxy)}.`,
    `kube-splice: ${amounts(kubeSplice)}.`,
    ...warnings.map((warning) => `Warning: ${warning}.`),
    ...notCompared.map((what) => `Not compared: ${what}.`),
    '',
  ];
  for (const [servicePort, own] of grouped(differences, (difference) => difference.servicePort)) {
    lines.push(servicePort === '' ? '(no name)' : servicePort);
    for (const alike of grouped(own, likeness).values()) lines.push(...differenceLines(alike));
    lines.push('');
  }
  if (nodePortAddresses !== null) lines.push(`${nodePortAddresses}.`, '');
  lines.push(conclusion(report));
  return `${lines.map(printable).join('\n')}\n`;
}

function amounts({ servicePorts, ways }: { readonly servicePorts: number; readonly ways: number }): string {
  return `${countOf(servicePorts, 'service port')}, ${ways} ${ways === 1 ? 'way' : 'ways'} in`;
}

function conclusion({ differences, nodePortAddresses }: DifferenceReport): string {
  const amount = differences.length + (nodePortAddresses === null ? 0 : 1);
  const meant = differences.filter(({ reason }) => reason !== null).length;
  if (amount === 0) return 'No differences.';
  return `${countOf(amount, 'difference')}${meant === 0 ? '' : `, ${meant} of them with a reason`}.`;
}

/** The same for differences that read the same but for the way. */
function likeness({ differing, kubeProxy, kubeSplice, reason }: WayDifference): string {
  return JSON.stringify([differing, kubeProxy, kubeSplice, reason]);
}

function differenceLines(alike: readonly WayDifference[]): readonly string[] {
  const [first] = alike;
  if (first === undefined) return [];
  const ways = alike.map(wayText).join(', ');
  const why = first.reason === null ? [] : [`      ${first.reason}`];
  if (first.kubeSplice === null) return [`  - ${ways}: kube-proxy alone`, ...why];
  if (first.kubeProxy === null) return [`  + ${ways}: kube-splice alone`, ...why];
  return [`  ~ ${ways}`, `      ${whatDiffers(first.differing, first.kubeProxy, first.kubeSplice)}`, ...why];
}

/** Of one difference; JSON has all. */
const MOST_ENDPOINTS = 8;

/** What a side has that has no value. */
const NOTHING: Readonly<Partial<Record<Differing, string>>> = {
  'session affinity': 'none',
  'source ranges': 'everyone',
};

function whatDiffers(
  differing: Differing,
  kubeProxy: readonly string[],
  kubeSplice: readonly string[],
): string {
  if (differing === 'endpoints') {
    const gone = kubeProxy.filter((endpoint) => !kubeSplice.includes(endpoint));
    const added = kubeSplice.filter((endpoint) => !kubeProxy.includes(endpoint));
    const both = kubeProxy.length - gone.length;
    const parts = [...gone.map((key) => `-${key}`), ...added.map((key) => `+${key}`)];
    const more = parts.length > MOST_ENDPOINTS ? ` and ${parts.length - MOST_ENDPOINTS} more` : '';
    const same = both === 0 ? '' : `, and ${both} that both have`;
    return `endpoints: ${parts.slice(0, MOST_ENDPOINTS).join(' ')}${more}${same}`;
  }
  const valuesOf = (values: readonly string[]): string => values.join(' ') || (NOTHING[differing] ?? 'none');
  return `${differing}: kube-proxy ${valuesOf(kubeProxy)}, kube-splice ${valuesOf(kubeSplice)}`;
}

function wayText({ kind, protocol, family, address, port }: WayDifference): string {
  if (address === null)
    return `${kind ?? 'NodePort'} ${port}/${protocol}${family === 'IPv6' ? ' (IPv6)' : ''}`;
  return `${kind === null ? '' : `${kind} `}${hostPort(address, port)}/${protocol}`;
}

function grouped<T>(values: readonly T[], keyOf: (value: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}
