import { access } from 'node:fs/promises';
import type { ChildProcesses } from '../child-processes.js';
import type { Peer } from '../peer.js';
import { childPids } from '../proc.js';
import { type Addresses, SERVICES } from '../services.js';
import { saidBy, serviceNames, startInstalled } from './installed-program.js';

/** Where Debian's libnginx-mod-stream puts it. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** nginx's stream module with one worker, TCP and UDP, no logs. A UDP session ends by its timeout only, not after an answer. */
export function nginx(children: ChildProcesses): Peer {
  return {
    name: 'nginx',
    missing: async () => {
      if ((await saidBy('nginx', '-v')) === null) return 'nginx is not installed';
      return access(STREAM_MODULE).then(
        () => null,
        () => 'its stream module (libnginx-mod-stream) is not installed',
      );
    },
    described: async () =>
      `${await saidBy('nginx', '-v')}: stream, worker_processes 1, worker_connections 19000, no reuseport, proxy_timeout 10m; CPU and memory of the worker`,
    start: (endpoints) =>
      startInstalled(
        {
          command: 'nginx',
          settings: nginxSettings,
          args: (file, directory) => ['-p', directory, '-c', file, '-e', 'stderr'],
          pids: childPids,
        },
        endpoints,
        children,
      ),
  };
}

export function nginxSettings(portals: Addresses, endpoints: Addresses, directory: string): string {
  return [
    `load_module ${STREAM_MODULE};`,
    'daemon off;',
    // The master gives its rights away only where it has any.
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    `pid ${directory}/pid;`,
    'error_log /dev/null crit;',
    'worker_processes 1;',
    'events { worker_connections 19000; }',
    'stream {',
    '  proxy_connect_timeout 5s;',
    '  proxy_timeout 10m;',
    ...serviceNames().map((name) => {
      const udp = SERVICES[name] === 'UDP' ? ' udp' : '';
      const { address, port } = portals[name];
      return `  server { listen ${address}:${port}${udp}; proxy_pass ${endpoints[name].address}:${endpoints[name].port}; }`;
    }),
    '}',
    '',
  ].join('\n');
}
