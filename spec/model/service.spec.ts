import { describe, expect, it } from 'vitest';
import { parseService } from '../../src/model/service.js';
import { serviceObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

describe('parseService', () => {
  it('reads all that is used of a Service, and nothing else', () => {
    const object = {
      ...serviceObject({
        type: 'LoadBalancer',
        clusterIPs: ['10.96.0.1', 'FD00::1'],
        ipFamilies: ['IPv4', 'IPv6'],
        ports: [{ name: 'http', port: 80, targetPort: 'web', nodePort: 30080, protocol: 'TCP' }],
        externalIPs: ['172.30.0.100'],
        loadBalancerSourceRanges: ['172.30.0.0/24'],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 32100,
        selector: { app: 'web' },
      }),
      status: { loadBalancer: { ingress: [{ ip: '172.30.0.200' }] } },
    };
    expect(parseService(object)).toEqual({
      outcome: 'parsed',
      notes: [],
      value: {
        namespace: 'default',
        name: 'web',
        primaryFamily: 'IPv4',
        servicePorts: [
          {
            name: 'default/web:http',
            namespace: 'default',
            service: 'web',
            portName: 'http',
            protocol: 'TCP',
            port: 80,
            clusterIPs: ['10.96.0.1', 'fd00::1'],
            nodePort: 30080,
            externalIPs: ['172.30.0.100'],
            loadBalancerIPs: ['172.30.0.200'],
            loadBalancerSourceRanges: ['172.30.0.0/24'],
            sessionAffinity: { type: 'ClientIP', timeoutSeconds: 600 },
            internalTrafficPolicy: 'Cluster',
            externalTrafficPolicy: 'Local',
            healthCheckNodePort: 32100,
          },
        ],
      },
    });
  });

  it('makes one service port of each port', () => {
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ];
    const { servicePorts } = parsedValue(parseService(serviceObject({ ports })));
    expect(servicePorts.map(({ name, protocol }) => [name, protocol])).toEqual([
      ['default/web:dns', 'UDP'],
      ['default/web:dns-tcp', 'TCP'],
    ]);
  });

  it.each([
    ['a headless one', { clusterIP: 'None' }, 'it is headless'],
    ['a headless one, told by the list', { clusterIP: undefined, clusterIPs: ['None'] }, 'it is headless'],
    [
      'an ExternalName one',
      { type: 'ExternalName', externalName: 'example.com' },
      'it is an ExternalName Service',
    ],
    ['one with SCTP ports only', { ports: [{ port: 1, protocol: 'SCTP' }] }, 'every port of it is SCTP'],
  ])('skips %s', (_what, spec, reason) => {
    expect(parseService(serviceObject(spec))).toEqual({ outcome: 'skipped', reason });
  });

  it('does not look for errors in what it skips', () => {
    expect(parseService(serviceObject({ clusterIP: 'None', ports: undefined })).outcome).toBe('skipped');
  });

  it.each([
    [{ ...serviceObject(), spec: undefined }, 'spec: is missing; give at least its ports'],
    [{ ...serviceObject(), spec: ['ports'] }, 'spec: a list is not a mapping'],
    [{ ...serviceObject(), metadata: 'web' }, 'metadata: "web" is not a mapping'],
    [{ ...serviceObject(), metadata: undefined }, 'metadata: is missing; give at least its name'],
    [
      serviceObject({ type: 'Nodeport' }),
      'spec.type: "Nodeport" is not one of ClusterIP, NodePort, LoadBalancer, ExternalName',
    ],
    ['a text', ': "a text" is not a mapping'],
    [undefined, ': is missing; give an object'],
  ])('reports one thing that is wrong once (%#)', (object, complaint) => {
    expect(complaintsOf(parseService(object))).toEqual([complaint]);
  });

  it('reports all that is wrong, not only the first', () => {
    const object = serviceObject({
      clusterIP: '10.96.0',
      ports: [{ port: 0 }],
      sessionAffinity: 'Cookie',
      externalIPs: '10.0.0.1',
    });
    expect(complaintsOf(parseService(object))).toEqual([
      'spec.clusterIP: "10.96.0" is not an IP address',
      'spec.externalIPs: "10.0.0.1" is not a list',
      'spec.sessionAffinity: "Cookie" is not one of None, ClientIP',
      'spec.ports[0].port: 0 is not a port; give 1 to 65535',
    ]);
  });
});

describe('the traffic policies of a Service', () => {
  const policiesOf = (spec: Record<string, unknown>) =>
    parsedValue(parseService(serviceObject(spec))).servicePorts[0];

  it('are Cluster where nothing is said', () => {
    for (const nothing of [undefined, null, ''])
      expect(
        policiesOf({
          internalTrafficPolicy: nothing,
          externalTrafficPolicy: nothing,
          healthCheckNodePort: 0,
        }),
      ).toMatchObject({
        internalTrafficPolicy: 'Cluster',
        externalTrafficPolicy: 'Cluster',
        healthCheckNodePort: null,
      });
  });

  it('are told apart', () => {
    const internal = { internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Cluster' };
    expect(policiesOf(internal)).toMatchObject(internal);
  });

  it.each([
    [{ internalTrafficPolicy: 'PreferLocal' }, 'internalTrafficPolicy: "PreferLocal"', 'Cluster, Local'],
    [{ externalTrafficPolicy: 'local' }, 'externalTrafficPolicy: "local"', 'Cluster, Local'],
  ])('are reported where they are none: %j', (spec, complaint, words) => {
    expect(complaintsOf(parseService(serviceObject(spec)))).toEqual([
      `spec.${complaint} is not one of ${words}`,
    ]);
  });

  it('come with a port for health checks, which is reported where it is none', () => {
    expect(complaintsOf(parseService(serviceObject({ healthCheckNodePort: 70_000 })))).toEqual([
      'spec.healthCheckNodePort: 70000 is not a port; give 1 to 65535',
    ]);
  });
});

describe('the limit of connections of a Service', () => {
  const withAnnotation = (value: unknown, spec: Record<string, unknown> = {}) => {
    const annotations = { 'kube-splice.io/max-connections': value };
    return parseService(serviceObject(spec, { annotations }));
  };
  const limitsOf = (value: unknown, spec?: Record<string, unknown>) =>
    parsedValue(withAnnotation(value, spec)).servicePorts.map(({ maxConnections }) => maxConnections);

  it('is that of its annotation, and of its TCP ports alone', () => {
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 53, protocol: 'UDP' },
    ];
    expect(limitsOf('500', { ports })).toEqual([500, undefined]);
    expect(limitsOf('1')).toEqual([1]);
    expect(limitsOf('1000000')).toEqual([1_000_000]);
  });

  it('is none where nothing is said', () => {
    expect(limitsOf(undefined)).toEqual([undefined]);
    expect(limitsOf(null)).toEqual([undefined]);
  });

  it.each([
    ['0', '"0"'],
    ['1000001', '"1000001"'],
    ['many', '"many"'],
    ['-1', '"-1"'],
    [500, '500, without quotes,'],
  ])('is none where %j is said, which a note tells', (value, shown) => {
    expect(limitsOf(value)).toEqual([undefined]);
    expect(withAnnotation(value)).toMatchObject({
      notes: [
        `its annotation kube-splice.io/max-connections has no effect: ${shown} is not a number of connections; give "1" to "1000000"`,
      ],
    });
  });
});

describe('the session affinity of a Service', () => {
  const affinityOf = (spec: Record<string, unknown>) =>
    parsedValue(parseService(serviceObject(spec))).servicePorts[0]?.sessionAffinity;

  it.each([
    ['is None where nothing is said', {}, { type: 'None' }],
    ['is None where it is empty', { sessionAffinity: '' }, { type: 'None' }],
    [
      'lasts three hours where nothing is said',
      { sessionAffinity: 'ClientIP' },
      { type: 'ClientIP', timeoutSeconds: 10_800 },
    ],
    [
      'lasts as long as a day at most',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_400 } } },
      { type: 'ClientIP', timeoutSeconds: 86_400 },
    ],
    [
      'has no timeout where it is None',
      { sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      { type: 'None' },
    ],
  ])('%s', (_what, spec, affinity) => {
    expect(affinityOf(spec)).toEqual(affinity);
  });

  it.each([0, -1, 86_401, 1.5, '600', true])('refuses the timeout %j', (timeoutSeconds) => {
    const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } };
    const [complaint, ...more] = complaintsOf(parseService(serviceObject(spec)));
    expect(complaint).toContain('spec.sessionAffinityConfig.clientIP.timeoutSeconds: ');
    expect(complaint).toContain('is not a timeout in seconds; give 1 to 86400');
    expect(more).toEqual([]);
  });

  it.each([
    ['3h', 'spec.sessionAffinityConfig: "3h" is not a mapping'],
    [{ clientIP: 60 }, 'spec.sessionAffinityConfig.clientIP: 60 is not a mapping'],
  ])('refuses the configuration %j', (sessionAffinityConfig, complaint) => {
    const parsed = parseService(serviceObject({ sessionAffinity: 'ClientIP', sessionAffinityConfig }));
    expect(complaintsOf(parsed)).toEqual([complaint]);
  });
});
