import type { Field } from './field.js';
import { readPort, readPortName, readProtocol } from './kubernetes-object.js';
import type { ServicePort } from './service-port.js';

/** What the ports of one Service differ in. */
export type PortOfService = Pick<ServicePort, 'portName' | 'protocol' | 'port' | 'nodePort'>;

interface WrittenPort {
  readonly field: Field;
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | undefined;
  readonly port: number | undefined;
  readonly nodePort: number | null;
}

/**
 * Reads `spec.ports`, held to what an API server holds them to: at least one, each with a number, names that differ
 * (and are there where there are several), no port twice for a protocol. `targetPort` is not read: endpoints carry
 * their own ports. SCTP ports are left out, with a note.
 */
export function readServicePorts(spec: Field): { ports: PortOfService[]; notes: string[] } {
  const list = spec.child('ports');
  const written = list.items().map(readWrittenPort);
  if (written.length === 0 && (!list.present || Array.isArray(list.value))) reportNoPorts(list);
  reportNames(written);
  reportTwice(written);
  return {
    ports: written.flatMap(({ name, protocol, port, nodePort }) =>
      port === undefined || protocol === undefined || protocol === 'SCTP'
        ? []
        : [{ portName: name, protocol, port, nodePort }],
    ),
    notes: written.flatMap(({ protocol, name, port }) =>
      protocol === 'SCTP' ? [`port ${name === '' ? port : name} is SCTP, which has no userspace proxy`] : [],
    ),
  };
}

function readWrittenPort(field: Field): WrittenPort {
  if (!field.present) field.missing('give a port');
  if (!field.mapping()) return { field, name: '', protocol: undefined, port: undefined, nodePort: null };
  const nodePort = field.child('nodePort');
  return {
    field,
    name: readPortName(field),
    protocol: readProtocol(field),
    port: readPort(field.child('port')),
    // 0 is how Go writes one that is not set.
    nodePort: nodePort.value === 0 ? null : (nodePort.integer('a port', 1, 65_535) ?? null),
  };
}

function reportNoPorts(list: Field): void {
  list.report(`${list.present ? 'is empty' : 'is missing'}; give at least one port`);
}

function reportNames(written: readonly WrittenPort[]): void {
  const seen = new Set<string>();
  for (const { field, name } of written) {
    if (written.length > 1 && name === '' && field.mapping())
      field.child('name').missing('every port has a name where there are several');
    if (name !== '' && seen.has(name)) field.child('name').reject('is the name of an earlier port too');
    seen.add(name);
  }
}

function reportTwice(written: readonly WrittenPort[]): void {
  const seen = new Set<string>();
  for (const { field, protocol, port } of written) {
    if (protocol === undefined || port === undefined) continue;
    const key = `${port}/${protocol}`;
    if (seen.has(key)) field.child('port').reject(`is there twice for ${protocol}`);
    seen.add(key);
  }
}
