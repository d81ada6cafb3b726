import type { ApiServer } from './api-server/api-server.js';
import { startApiServer } from './api-server/started-api-server.js';
import { sliceTo } from './greeting-service.js';
import { nodeObject, serviceObject, sliceObject } from './kubernetes-objects.js';
import type { RunningProgram } from './program.js';
import { SteadyLoad } from './steady-load.js';
import { echo, TcpEndpoint } from './tcp-endpoint.js';
import { echoDatagram, UdpEndpoint } from './udp-endpoint.js';

/** So long that a client which is kept waiting has its session still. */
export const LONG_UDP_SESSIONS: readonly string[] = ['--udp-timeout', '30s'];

/** An API server that has a node `node-a`, and Services `web` (TCP) and `dns` (UDP), whose endpoints echo. */
export class ClusterUnderLoad {
  private constructor(
    readonly server: ApiServer,
    private readonly web: TcpEndpoint,
  ) {}

  static async start(): Promise<ClusterUnderLoad> {
    const server = await startApiServer();
    const [web, dns] = [await TcpEndpoint.listen(echo), await UdpEndpoint.bind(echoDatagram)];
    server.create('nodes', nodeObject([{ type: 'InternalIP', address: '192.0.2.11' }]));
    server.create('services', serviceObject({ clusterIP: '10.96.0.1' }, { name: 'web' }));
    server.create('endpointslices', sliceTo(web.endpoint, { name: 'web-a' }));
    const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }];
    server.create('services', serviceObject({ clusterIP: '10.96.0.53', ports }, { name: 'dns' }));
    const { address, port } = dns.endpoint;
    server.create(
      'endpointslices',
      sliceObject([{ addresses: [address], conditions: { ready: true } }], {
        metadata: {
          name: 'dns-a',
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'dns' },
        },
        ports: [{ name: 'dns', port, protocol: 'UDP' }],
      }),
    );
    return new ClusterUnderLoad(server, web);
  }

  /** Steady clients of both, through a proxy that has them from this server. */
  async clientsOf(proxy: RunningProgram): Promise<SteadyLoad> {
    return SteadyLoad.start({
      address: proxy.statusAddress,
      tcpPort: await proxy.portOf('default/web:http'),
      udpPort: await proxy.portOf('default/dns:dns'),
      kept: 20,
      reconnecting: 10,
      udp: 5,
    });
  }

  /** One Service more, `default/late:http`. */
  createAnother(): void {
    this.server.create('services', serviceObject({ clusterIP: '10.96.0.2' }, { name: 'late' }));
    this.server.create('endpointslices', sliceTo(this.web.endpoint, { name: 'late-a', service: 'late' }));
  }
}
