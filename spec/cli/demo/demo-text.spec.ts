import { describe, expect, it } from 'vitest';
import { introduction, movedServers, servicesTable, withoutStatus } from '../../../src/cli/demo/demo-text.js';
import { endpoint } from '../../../src/model/endpoint.js';
import { aReport, aServicePortView, aUdpServicePort, aView } from '../../support/proxy-values.js';

const ADDRESS = '127.0.0.1';
const at = (...ports: number[]) => ports.map((port) => endpoint(ADDRESS, port));

const SORTED = aReport({
  view: aView([
    aServicePortView({
      endpoints: at(28101, 28102, 28103),
      portal: { address: ADDRESS, port: 40123 },
    }),
    aServicePortView({
      servicePort: aUdpServicePort(),
      endpoints: at(28201, 28202, 28203),
      portal: { address: ADDRESS, port: 60999 },
    }),
  ]),
});

const INTRODUCTION = {
  report: { ...SORTED, servicePorts: SORTED.servicePorts.toReversed() },
  manifest: 'examples/whoami.yaml',
  statusAddress: { address: ADDRESS, port: 10249 },
  command: 'kube-splice',
};

describe('the introduction', () => {
  it('says what runs where, what to try, and how to end it', () => {
    expect(introduction(INTRODUCTION)).toBe(
      `kube-splice proxies 2 service ports of examples/whoami.yaml, with 6 endpoints:

SERVICE               PROTOCOL   CONNECT TO        ENDPOINTS
default/whoami:http   TCP        127.0.0.1:40123   127.0.0.1:28101,28102,28103
default/echo          UDP        127.0.0.1:60999   127.0.0.1:28201,28202,28203

Try these, several times: the next endpoint answers each time.
  curl http://127.0.0.1:40123/
  echo hello | nc -u -w1 127.0.0.1 60999

In another terminal, to see the proxy:
  kube-splice status

Ctrl-C ends the demo. So far, endpoint by endpoint:
`,
    );
  });

  it('fits a terminal of 80 columns', () => {
    for (const line of introduction(INTRODUCTION).split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('names the status address where it is not the usual one', () => {
    const statusAddress = { address: '127.0.0.2', port: 10250 };
    expect(introduction({ ...INTRODUCTION, command: 'node dist/main.js', statusAddress })).toContain(
      '  node dist/main.js status --healthz-bind-address 127.0.0.2 --healthz-port 10250\n',
    );
  });

  it('says nothing of a status server that does not run', () => {
    expect(introduction({ ...INTRODUCTION, statusAddress: null })).not.toMatch(/status|terminal/);
  });

  it('gives nothing to try where there is no portal', () => {
    const report = aReport({ view: aView([aServicePortView({ portal: null })]) });
    const text = introduction({ ...INTRODUCTION, report });
    expect(text).toContain('<none>');
    expect(text).not.toContain('curl');
  });
});

describe('the table of Services', () => {
  it('names an address once for the ports that follow it', () => {
    const endpoints = [...at(1, 2), endpoint('fd00::1', 3), endpoint(ADDRESS, 4)];
    const report = aReport({ view: aView([aServicePortView({ endpoints })]) });
    expect(servicesTable(report, 'x').at(-1)).toMatch(/ 127\.0\.0\.1:1,2 \[fd00::1\]:3 127\.0\.0\.1:4$/);
  });
});

describe('what the demo says of ports that are taken', () => {
  it('names each, the server that moved, and the manifest that is used', () => {
    const server = {
      endpoint: {
        service: 'default/whoami',
        name: 'whoami-1',
        protocol: 'TCP' as const,
        address: ADDRESS,
        port: 28101,
        document: 1,
      },
      port: 40211,
      stop: async () => undefined,
    };
    expect(movedServers([server], '/tmp/x/whoami.yaml')).toBe(
      `Port 28101 is taken by another program: whoami-1 listens on 40211.
The demo uses a copy of its manifest with these ports, /tmp/x/whoami.yaml

`,
    );
  });

  it('says why there is no status server, and what to do', () => {
    const text = withoutStatus('another program listens on 127.0.0.1:10249 already');
    expect(text).toMatch(/127\.0\.0\.1:10249 already\.\n.*--healthz-port/);
  });
});
