import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endpoint } from '../../src/model/endpoint.js';
import { ServiceCatalog } from '../../src/model/service-catalog.js';
import type { ServicePort, ServicePortName } from '../../src/model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { stateDifference } from '../../src/proxier/wanted-portals.js';
import { HealthCheckServers, type HealthCheckServersOptions } from '../../src/status/health-check-servers.js';
import { within } from '../support/deadline.js';
import { hasIPv6 } from '../support/host-addresses.js';
import { openSockets } from '../support/open-sockets.js';
import { aServicePort } from '../support/proxy-values.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { aSlice, at } from '../support/slice-values.js';

/** A loopback address that nothing else uses, so that every one of its ports is free. */
const OWN_ADDRESS = '127.0.71.7';
const OTHER_ADDRESS = '127.0.71.8';
const PORT = 32_000;

const web = localService('default/web', PORT);

function localService(name: ServicePortName, healthCheckNodePort: number, portName = ''): ServicePort {
  return aServicePort({
    name: portName === '' ? name : `${name}:${portName}`,
    service: name.replace('default/', ''),
    portName,
    nodePort: 30_080,
    externalTrafficPolicy: 'Local',
    healthCheckNodePort,
  });
}

/** Each service port with so many ready endpoints on this node. */
function stateOf(...entries: readonly (readonly [ServicePort, number])[]): ServiceState {
  return {
    ...EMPTY_STATE,
    servicePorts: new Map(entries.map(([servicePort]) => [servicePort.name, servicePort])),
    readyLocalEndpoints: new Map(
      entries.map(([{ name }, count]) => [
        name,
        Array.from({ length: count }, (_, index) => endpoint(`10.1.0.${index + 1}`, 80)),
      ]),
    ),
  };
}

function start(options: Partial<HealthCheckServersOptions> = {}) {
  const logger = new RecordingLogger();
  const local = [OWN_ADDRESS];
  const servers = new HealthCheckServers({
    nodePortAddresses: ['127.0.71.0/24'],
    localAddresses: () => local,
    logger,
    ...options,
  });
  onTestFinished(() => servers.stop());
  return { servers, logger, local };
}

async function ask(
  port = PORT,
  address = OWN_ADDRESS,
  init: RequestInit = {},
  path = '/',
): Promise<Response> {
  return within('an answer', fetch(`http://${address}:${port}${path}`, init));
}

/** How many endpoints it says there are; the errno of the refusal where nobody listens. */
async function told(port = PORT, address = OWN_ADDRESS): Promise<number | string> {
  try {
    const answer = (await (await ask(port, address)).json()) as { localEndpoints: number };
    return answer.localEndpoints;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code);
    throw error;
  }
}

/** Another program, which has the port. */
async function occupy(port = PORT, address = OWN_ADDRESS): Promise<() => Promise<void>> {
  const server = createServer().listen(port, address);
  await once(server, 'listening');
  const close = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  onTestFinished(close);
  return close;
}

describe('the health check of a Service', () => {
  it('is that of kube-proxy: 200 where the node has endpoints of it, 503 where not', async () => {
    const { servers } = start();
    await servers.update(stateOf([web, 2]));
    const good = await ask();
    expect(good.status).toBe(200);
    expect(good.headers.get('content-type')).toBe('application/json');
    expect(good.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await good.json()).toEqual({
      service: { namespace: 'default', name: 'web' },
      localEndpoints: 2,
    });
    await servers.update(stateOf([web, 0]));
    const bad = await ask();
    expect([bad.status, await bad.json()]).toEqual([
      503,
      { service: { namespace: 'default', name: 'web' }, localEndpoints: 0 },
    ]);
  });

  it('sends a load balancer away while the last endpoints terminate, though they serve', async () => {
    const catalog = new ServiceCatalog({ name: 'node-a', zone: null });
    catalog.setService('default/web', {
      namespace: 'default',
      name: 'web',
      primaryFamily: 'IPv4',
      servicePorts: [web],
    });
    const pod = (condition: 'ready' | 'draining') =>
      aSlice([at('10.1.0.1', condition, { nodeName: 'node-a' })], {
        ports: [{ name: '', protocol: 'TCP', port: 80 }],
      });
    const { servers } = start();
    catalog.setSlices('web-1', [pod('ready')]);
    const before = catalog.state();
    await servers.update(before);
    expect((await ask()).status).toBe(200);
    catalog.setSlices('web-1', [pod('draining')]);
    const after = catalog.state();
    // Where traffic goes stays the same: the proxier has nothing to do.
    expect(stateDifference(before, after)).toEqual({ services: new Set(), endpoints: new Set() });
    expect(after.externalEndpoints.get(web.name)).toEqual([endpoint('10.1.0.1', 80)]);
    await servers.update(after);
    expect((await ask()).status).toBe(503);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/healthz?x=1'],
    ['POST', '/any/path'],
  ])('answers %s %s', async (method, path) => {
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    const response = await ask(PORT, OWN_ADDRESS, { method }, path);
    expect([response.status, await response.json()]).toMatchObject([200, { localEndpoints: 1 }]);
  });

  it('is 503 once the node is leaving, that of a Service which comes later too', async () => {
    const { servers } = start();
    await servers.update(stateOf([web, 2]));
    expect((await ask()).status).toBe(200);
    servers.leave();
    expect((await ask()).status).toBe(503);
    await servers.update(stateOf());
    await servers.update(stateOf([web, 1]));
    expect((await ask()).status).toBe(503);
  });

  it('answers HEAD with the headers alone', async () => {
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    const response = await ask(PORT, OWN_ADDRESS, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
    expect(await response.text()).toBe('');
  });

  it('closes the connection after each answer', async () => {
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    const socket = connect(PORT, OWN_ADDRESS);
    onTestFinished(() => void socket.destroy());
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n');
    expect(await within('the end of the connection', text(socket))).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('tells the newest count at once', async () => {
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    const settled = servers.update(stateOf([web, 3]));
    expect(await told()).toBe(3);
    await settled;
  });

  it('is one for all its service ports, as long as there is one of them', async () => {
    const { servers } = start();
    const [http, https] = [
      localService('default/web', PORT, 'http'),
      localService('default/web', PORT, 'https'),
    ];
    await servers.update(stateOf([http, 1], [https, 2]));
    expect(await told()).toBe(2);
    await servers.update(stateOf([http, 1]));
    expect(await told()).toBe(1);
    await servers.update(EMPTY_STATE);
    expect(await told()).toBe('ECONNREFUSED');
  });

  it('is not there under policy Cluster, nor without a port', async () => {
    const before = openSockets();
    const { servers } = start();
    const cluster: ServicePort = { ...web, externalTrafficPolicy: 'Cluster' };
    await servers.update(
      stateOf([cluster, 1], [{ ...web, name: 'default/a', healthCheckNodePort: null }, 1]),
    );
    expect(await told()).toBe('ECONNREFUSED');
    await servers.update(stateOf([web, 1]));
    expect(await told()).toBe(1);
    await servers.update(stateOf([cluster, 1]));
    expect(await told()).toBe('ECONNREFUSED');
    expect(openSockets()).toBeLessThanOrEqual(before);
  });

  it('moves with its port', async () => {
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    await servers.update(stateOf([localService('default/web', PORT + 1), 1]));
    expect([await told(), await told(PORT + 1)]).toEqual(['ECONNREFUSED', 1]);
  });

  it('leaves its port to another Service in the same state', async () => {
    const { servers, logger } = start();
    const [a, b] = [localService('default/a', PORT), localService('default/b', PORT + 1)];
    await servers.update(stateOf([a, 1], [b, 2]));
    await servers.update(
      stateOf([localService('default/a', PORT + 1), 1], [localService('default/b', PORT), 2]),
    );
    expect([await told(), await told(PORT + 1)]).toEqual([2, 1]);
    expect(logger.messages('error')).toEqual([]);
  });

  it('follows the last of many states that come at once', async () => {
    const { servers } = start();
    const updates = Array.from({ length: 20 }, (_, n) =>
      servers.update(stateOf([localService('default/web', PORT + (n % 3)), n])),
    );
    await within('all of them', Promise.all(updates));
    expect([await told(PORT), await told(PORT + 1), await told(PORT + 2)]).toEqual([
      'ECONNREFUSED',
      19,
      'ECONNREFUSED',
    ]);
  });

  it('ends with the servers, whoever is connected', async () => {
    const before = openSockets();
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    const idle = connect(PORT, OWN_ADDRESS);
    idle.on('error', () => undefined).resume();
    onTestFinished(() => void idle.destroy());
    await once(idle, 'connect');
    const closed = once(idle, 'close');
    await within('the stop', servers.stop());
    await within('the second stop', servers.stop());
    await within('the end of the connection', closed);
    expect(await told()).toBe('ECONNREFUSED');
    await servers.update(stateOf([web, 1]));
    await servers.retry();
    expect(openSockets()).toBeLessThanOrEqual(before);
  });

  it('ends with the servers that stop before it is there', async () => {
    const { servers } = start();
    void servers.update(stateOf([web, 1], [localService('default/other', PORT + 1), 1]));
    await within('the stop', servers.stop());
    expect([await told(), await told(PORT + 1)]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
  });
});

describe('the addresses of a health check', () => {
  it('are those of the node in --nodeport-addresses, and no others', async () => {
    const { servers } = start({
      nodePortAddresses: ['127.0.71.7/32'],
      localAddresses: () => [OWN_ADDRESS, OTHER_ADDRESS],
    });
    await servers.update(stateOf([web, 1]));
    expect([await told(), await told(PORT, OTHER_ADDRESS)]).toEqual([1, 'ECONNREFUSED']);
  });

  it.skipIf(!hasIPv6)('are all of both families where none are given (SKIPPED without IPv6)', async () => {
    const { servers, logger } = start({ nodePortAddresses: [] });
    let port = PORT;
    do {
      port += 1;
      await servers.update(stateOf([localService('default/web', port), 1]));
      // Another program of this host may have a port: the next one.
    } while (servers.failed.size > 0 && port < PORT + 100);
    expect([await told(port, '127.0.0.1'), await told(port, '[::1]'), await told(port, OWN_ADDRESS)]).toEqual(
      [1, 1, 1],
    );
    expect(logger.messages(2)).toContain('health check opened');
  });

  it('follow the node: those that come and go are heard of at a retry', async () => {
    const { servers, local } = start();
    await servers.update(stateOf([web, 1]));
    local.splice(0, 1, OTHER_ADDRESS);
    await servers.retry();
    expect([await told(), await told(PORT, OTHER_ADDRESS)]).toEqual(['ECONNREFUSED', 1]);
  });

  it('may be none yet: that is told, and what comes is used', async () => {
    const { servers, logger, local } = start();
    local.splice(0, 1);
    await servers.update(stateOf([web, 1]));
    expect(logger.messages('error')).toEqual([
      `HEALTH_CHECK_PORT_UNAVAILABLE: default/web: healthCheckNodePort ${PORT}: no address of this node is in --nodeport-addresses`,
    ]);
    local.push(OWN_ADDRESS);
    await servers.retry();
    expect(await told()).toBe(1);
    expect(servers.failed.size).toBe(0);
    local.pop();
    await servers.retry();
    expect(await told()).toBe('ECONNREFUSED');
    expect(logger.messages('error')).toHaveLength(2);
  });
});

describe('a health check whose port another program has', () => {
  it('says so once, and is there as soon as a retry finds the port free', async () => {
    const vacate = await occupy();
    const { servers, logger } = start();
    await servers.update(stateOf([web, 1]));
    await servers.retry();
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([
      {
        level: 'error',
        message: `HEALTH_CHECK_PORT_IN_USE: default/web: healthCheckNodePort ${PORT}: ${OWN_ADDRESS}:${PORT} is in use`,
        fields: { remedy: expect.stringContaining('healthCheckNodePort') },
      },
    ]);
    expect(servers.failed.get('default/web')?.error.code).toBe('HEALTH_CHECK_PORT_IN_USE');
    await vacate();
    await servers.update(stateOf([web, 4]));
    await servers.retry();
    expect(await told()).toBe(4);
    expect(servers.failed.size).toBe(0);
  });

  it('answers on the addresses where the port is free', async () => {
    await occupy(PORT, OTHER_ADDRESS);
    const { servers } = start({ localAddresses: () => [OTHER_ADDRESS, OWN_ADDRESS] });
    await servers.update(stateOf([web, 1]));
    expect(await told()).toBe(1);
    expect(servers.failed.size).toBe(1);
  });

  it('is forgotten with its Service', async () => {
    await occupy();
    const { servers } = start();
    await servers.update(stateOf([web, 1]));
    await servers.update(EMPTY_STATE);
    expect(servers.failed.size).toBe(0);
  });

  it('takes over from another Service that had it, without a retry', async () => {
    const { servers } = start();
    const other = localService('default/other', PORT);
    await servers.update(stateOf([web, 1]));
    await servers.update(stateOf([web, 1], [other, 2]));
    expect([...servers.failed.keys()]).toEqual(['default/other']);
    await servers.update(stateOf([other, 2]));
    expect([await told(), servers.failed.size]).toEqual([2, 0]);
  });
});
