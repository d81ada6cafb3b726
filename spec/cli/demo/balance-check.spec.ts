import { describe, expect, it, onTestFinished } from 'vitest';
import { checkBalance } from '../../../src/cli/demo/balance-check.js';
import { startUdpEchoServer } from '../../../src/cli/demo/udp-echo-server.js';
import { startWhoamiServer } from '../../../src/cli/demo/whoami-server.js';
import type { ServicePortStatus } from '../../../src/status/service-port-status.js';
import {
  aReport,
  aServicePort,
  aServicePortView,
  aUdpServicePort,
  aView,
} from '../../support/proxy-values.js';
import { TcpEndpoint } from '../../support/tcp-endpoint.js';
import { UdpEndpoint } from '../../support/udp-endpoint.js';

const ADDRESS = '127.0.0.1';
const NEVER = new AbortController().signal;

function statusOf(view: Parameters<typeof aServicePortView>[0]): ServicePortStatus {
  const [servicePort] = aReport({ view: aView([aServicePortView(view)]) }).servicePorts;
  if (servicePort === undefined) throw new Error('the report is empty');
  return servicePort;
}

/** The portal of a service port that has one endpoint: whoever asks always hears the same name. */
const tcp = (port: number) => statusOf({ servicePort: aServicePort(), portal: { address: ADDRESS, port } });
const udp = (port: number) =>
  statusOf({ servicePort: aUdpServicePort(), portal: { address: ADDRESS, port } });

describe('the check of how requests are balanced', () => {
  it('is content when each endpoint answers three of TCP', async () => {
    const server = await startWhoamiServer({ name: 'whoami-1', address: ADDRESS, port: 0 });
    onTestFinished(() => server.stop());
    expect(await checkBalance(tcp(server.port), ['whoami-1'], NEVER)).toEqual({
      cells: ['default/whoami:http', '3 requests', 'whoami-1 3'],
      problems: [],
    });
  });

  it('is content when each endpoint answers three of UDP', async () => {
    let asked = 0;
    const { endpoint } = await UdpEndpoint.bind((payload) => {
      asked += 1;
      return `echo-${(asked % 2) + 1}: ${payload}`;
    });
    expect(await checkBalance(udp(endpoint.port), ['echo-1', 'echo-2'], NEVER)).toEqual({
      cells: ['default/echo', '6 datagrams', 'echo-1 3', 'echo-2 3'],
      problems: [],
    });
  });

  it('names the endpoints that answered too much, too little, or should not have', async () => {
    const server = await startUdpEchoServer({ name: 'stranger', address: ADDRESS, port: 0 });
    onTestFinished(() => server.stop());
    expect(await checkBalance(udp(server.port), ['echo-1', 'stranger'], NEVER)).toEqual({
      cells: ['default/echo', '6 datagrams', 'echo-1 0', 'stranger 6'],
      problems: [
        'default/echo: echo-1 answered 0 times instead of 3',
        'default/echo: stranger answered 6 times instead of 3',
      ],
    });
    const { problems } = await checkBalance(udp(server.port), ['echo-1'], NEVER);
    expect(problems).toEqual([
      'default/echo: echo-1 answered 0 times instead of 3',
      'default/echo: stranger answered 3 times instead of 0',
    ]);
  });

  it('names each request that was not answered', async () => {
    const { endpoint } = await TcpEndpoint.listen((peer) => peer.reset());
    const { problems } = await checkBalance(tcp(endpoint.port), ['whoami-1'], NEVER);
    expect(problems).toHaveLength(4);
    expect(problems[0]).toMatch(/^default\/whoami:http: request 1 of 3: .*(ECONNRESET|socket hang up)/);
    expect(problems[3]).toBe('default/whoami:http: whoami-1 answered 0 times instead of 3');
  });

  it('says why there is no portal', async () => {
    const closed = statusOf({ portal: null, error: 'PORTAL_OPEN_FAILED: EMFILE' });
    expect(await checkBalance(closed, ['whoami-1'], NEVER)).toEqual({
      cells: ['default/whoami:http', 'no portal'],
      problems: ['default/whoami:http: PORTAL_OPEN_FAILED: EMFILE'],
    });
  });

  it('asks no more once it is interrupted', async () => {
    const server = await startWhoamiServer({ name: 'whoami-1', address: ADDRESS, port: 0 });
    onTestFinished(() => server.stop());
    const { cells } = await checkBalance(tcp(server.port), ['whoami-1'], AbortSignal.abort());
    expect(cells).toContain('whoami-1 0');
  });
});
