import { describe, expect, it } from 'vitest';
import { parseService } from '../../src/model/service.js';
import { type PlainObject, serviceObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

const servicePort = (spec: PlainObject, status?: unknown) =>
  parsedValue(parseService({ ...serviceObject(spec), status })).servicePorts[0];
const ingress = (...list: unknown[]) => ({ loadBalancer: { ingress: list } });

describe('the addresses of a Service', () => {
  it.each([
    ['are none where a manifest gives none', { clusterIP: undefined }, []],
    ['are none where it is empty', { clusterIP: '', clusterIPs: [] }, []],
    ['are that of clusterIP', { clusterIP: '10.96.0.1' }, ['10.96.0.1']],
    [
      'are those of the list',
      { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'] },
      ['10.96.0.1', 'fd00::1'],
    ],
    ['are those of the list alone', { clusterIP: undefined, clusterIPs: ['fd00::1'] }, ['fd00::1']],
    ['are in canonical text', { clusterIP: 'FD00:0::01' }, ['fd00::1']],
  ])('%s', (_what, spec, clusterIPs) => {
    expect(servicePort(spec)?.clusterIPs).toEqual(clusterIPs);
  });

  it('are there once each', () => {
    expect(servicePort({ externalIPs: ['FD00::1', 'fd00::1', '10.0.0.1'] })?.externalIPs).toEqual([
      'fd00::1',
      '10.0.0.1',
    ]);
  });

  it('hold the IPs of the load balancer, not its names', () => {
    const status = ingress(
      { ip: '1.2.3.4' },
      { hostname: 'lb.example.com' },
      { ip: '' },
      { ip: '1.2.3.5', ipMode: 'VIP' },
    );
    expect(servicePort({}, status)?.loadBalancerIPs).toEqual(['1.2.3.4', '1.2.3.5']);
  });

  it('leave out an IP whose traffic comes to the node itself (ipMode Proxy)', () => {
    expect(servicePort({}, ingress({ ip: '1.2.3.4', ipMode: 'Proxy' }))?.loadBalancerIPs).toEqual([]);
  });

  it('hold the source ranges, spaces around them and all', () => {
    expect(
      servicePort({ loadBalancerSourceRanges: [' 10.1.2.3/8 ', 'fd00::/8'] })?.loadBalancerSourceRanges,
    ).toEqual(['10.0.0.0/8', 'fd00::/8']);
  });

  it.each([
    [{ clusterIP: '10.96.0.1.2' }, 'spec.clusterIP: "10.96.0.1.2" is not an IP address'],
    [{ clusterIP: '010.96.0.1' }, 'spec.clusterIP: "010.96.0.1" is not an IP address'],
    [{ clusterIP: 'none' }, 'spec.clusterIP: "none" is not an IP address'],
    [{ clusterIP: 10.96 }, 'spec.clusterIP: 10.96 is not text; put it in quotes'],
    [{ clusterIP: undefined, clusterIPs: '10.96.0.1' }, 'spec.clusterIPs: "10.96.0.1" is not a list'],
    [
      { clusterIPs: ['10.96.0.2'] },
      'spec.clusterIPs[0]: "10.96.0.2" is not 10.96.0.1: the first has to be the address in spec.clusterIP',
    ],
    [{ ipFamilies: ['ipv4'] }, 'spec.ipFamilies[0]: "ipv4" is not one of IPv4, IPv6'],
    [{ externalIPs: [null] }, 'spec.externalIPs[0]: is missing; give an IP address'],
    [{ externalIPs: ['fe80::1%eth0'] }, 'spec.externalIPs[0]: "fe80::1%eth0" is not an IP address'],
    [
      { loadBalancerSourceRanges: ['10.0.0.0'] },
      'spec.loadBalancerSourceRanges[0]: "10.0.0.0" is not a CIDR; give one like 10.0.0.0/8',
    ],
    [
      { loadBalancerSourceRanges: ['10.0.0.0/33'] },
      'spec.loadBalancerSourceRanges[0]: "10.0.0.0/33" is not a CIDR; give one like 10.0.0.0/8',
    ],
  ])('refuse %j', (spec, complaint) => {
    expect(complaintsOf(parseService(serviceObject(spec)))).toEqual([complaint]);
  });

  it.each([
    ['up', 'status: "up" is not a mapping'],
    [{ loadBalancer: [] }, 'status.loadBalancer: a list is not a mapping'],
    [ingress('1.2.3.4'), 'status.loadBalancer.ingress[0]: "1.2.3.4" is not a mapping'],
    [ingress({ ip: '1.2.3' }), 'status.loadBalancer.ingress[0].ip: "1.2.3" is not an IP address'],
  ])('refuse the status %j', (status, complaint) => {
    expect(complaintsOf(parseService({ ...serviceObject(), status }))).toEqual([complaint]);
  });

  it.each([
    ['the first of ipFamilies', { ipFamilies: ['IPv6', 'IPv4'] }, 'IPv6'],
    ['that of the cluster IP', { clusterIP: 'fd00::1' }, 'IPv6'],
    ['none', { clusterIP: undefined }, null],
  ])('tell the primary family: %s', (_what, spec, family) => {
    expect(parsedValue(parseService(serviceObject(spec))).primaryFamily).toBe(family);
  });
});
