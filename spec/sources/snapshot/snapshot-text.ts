import { KubeSpliceError } from '../../../src/model/errors.js';
import type { ServiceState } from '../../../src/model/service-state.js';
import { snapshotChunks } from '../../../src/sources/snapshot/snapshot-lines.js';
import { SnapshotReader } from '../../../src/sources/snapshot/snapshot-reader.js';

/** What a snapshot begins and ends with, one service port of it, and what becomes of lines that are read. */

export const HEADER = {
  savedAt: '2026-11-22T12:00:00.000Z',
  server: 'https://10.0.0.1:6443',
  nodeName: 'node-1',
};
export const FIRST = JSON.stringify({ version: 2, ...HEADER });
export const END = '{"end":true}';

export const FIELDS = {
  namespace: 'default',
  service: 'web',
  portName: 'http',
  protocol: 'TCP',
  port: 80,
  clusterIPs: ['10.96.0.1', 'fd00::1'],
  nodePort: null,
  externalIPs: [],
  loadBalancerIPs: [],
  loadBalancerSourceRanges: ['10.0.0.0/8'],
  sessionAffinity: { type: 'None' },
  internalTrafficPolicy: 'Cluster',
  externalTrafficPolicy: 'Cluster',
  healthCheckNodePort: null,
};

export const servicePortLine = (changes: object = {}) =>
  JSON.stringify({ servicePort: { ...FIELDS, ...changes } });

export function textOf(state: ServiceState): string {
  return [...snapshotChunks(HEADER, state)].join('');
}

export function read(bytes: Uint8Array): ServiceState {
  const reader = new SnapshotReader();
  const text = Buffer.from(bytes);
  const lines: Buffer[] = [];
  let begin = 0;
  for (let end = text.indexOf(10); end !== -1; end = text.indexOf(10, begin)) {
    lines.push(text.subarray(begin, end));
    begin = end + 1;
  }
  for (const line of [...lines, text.subarray(begin)]) if (line.length > 0) reader.add(line);
  return reader.end();
}

export const readLines = (...lines: readonly string[]) =>
  read(Buffer.from(lines.map((line) => `${line}\n`).join('')));

/** The message that it refuses these bytes with; undefined where it takes them. */
export function refusalOf(bytes: Uint8Array): string | undefined {
  try {
    read(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof KubeSpliceError && error.code === 'SNAPSHOT_UNREADABLE') return error.message;
    throw error;
  }
}

export const refusalOfLines = (...lines: readonly string[]) => refusalOf(Buffer.from(lines.join('\n')));
