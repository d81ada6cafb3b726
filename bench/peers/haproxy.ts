import type { ChildProcesses } from '../child-processes.js';
import type { Peer } from '../peer.js';
import { type Addresses, SERVICES } from '../services.js';
import { saidBy, serviceNames, startInstalled } from './installed-program.js';

/**
 * HAProxy in TCP mode, as its manual would tune it: one thread, bytes moved with splice(2), pipes of 1 MiB, no logs, no
 * checks. It relays no UDP. `maxconn` and `maxpipes` together need no more than 20,000 open files.
 */
export function haproxy(children: ChildProcesses): Peer {
  return {
    name: 'haproxy',
    leavesOut: ['udp'],
    missing: async () => ((await saidBy('haproxy', '-v')) === null ? 'haproxy is not installed' : null),
    described: async () =>
      `${(await saidBy('haproxy', '-v'))?.split('\n')[0]}: nbthread 1, mode tcp, splice-request, splice-response, tune.pipesize 1048576`,
    start: (endpoints) =>
      startInstalled(
        {
          command: 'haproxy',
          settings: haproxySettings,
          args: (file) => ['-db', '-f', file],
          pids: (pid) => [pid],
        },
        endpoints,
        children,
      ),
  };
}

export function haproxySettings(portals: Addresses, endpoints: Addresses): string {
  const services = serviceNames().filter((name) => SERVICES[name] === 'TCP');
  return [
    'global',
    '  nbthread 1',
    '  maxconn 9000',
    '  maxpipes 500',
    '  tune.pipesize 1048576',
    'defaults',
    '  mode tcp',
    '  option splice-request',
    '  option splice-response',
    '  timeout connect 5s',
    '  timeout client 10m',
    '  timeout server 10m',
    ...services.flatMap((name) => [
      `listen ${name}`,
      `  bind ${portals[name].address}:${portals[name].port}`,
      `  server ${name} ${endpoints[name].address}:${endpoints[name].port}`,
    ]),
    '',
  ].join('\n');
}
