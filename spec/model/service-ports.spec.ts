import { describe, expect, it } from 'vitest';
import { parseService } from '../../src/model/service.js';
import { serviceObject } from '../support/kubernetes-objects.js';
import { complaintsOf, parsedValue } from '../support/parsed.js';

const withPorts = (ports: unknown) => parseService(serviceObject({ ports }));

describe('the ports of a Service', () => {
  it('may be one without a name, a protocol or a node port', () => {
    expect(parsedValue(withPorts([{ port: 80, nodePort: 0 }])).servicePorts).toMatchObject([
      { name: 'default/web', portName: '', protocol: 'TCP', port: 80, nodePort: null },
    ]);
  });

  it('keep the highest and the lowest number', () => {
    const { servicePorts } = parsedValue(
      withPorts([
        { name: 'a', port: 1 },
        { name: 'b', port: 65_535 },
      ]),
    );
    expect(servicePorts.map(({ port }) => port)).toEqual([1, 65_535]);
  });

  it('may use one number for TCP and UDP both', () => {
    const ports = [
      { name: 'a', port: 53, protocol: 'UDP' },
      { name: 'b', port: 53, protocol: 'TCP' },
    ];
    expect(parsedValue(withPorts(ports)).servicePorts).toHaveLength(2);
  });

  it('leave out SCTP ones, and say so', () => {
    const parsed = withPorts([
      { name: 'diameter', port: 3868, protocol: 'SCTP' },
      { name: 'http', port: 80 },
    ]);
    expect(parsedValue(parsed).servicePorts.map(({ portName }) => portName)).toEqual(['http']);
    expect(parsed).toMatchObject({ notes: ['port diameter is SCTP, which has no userspace proxy'] });
  });

  it.each([
    ['no list', undefined, ['spec.ports: is missing; give at least one port']],
    ['an empty list', [], ['spec.ports: is empty; give at least one port']],
    ['a mapping', { http: 80 }, ['spec.ports: a mapping is not a list']],
    ['a number', [80], ['spec.ports[0]: 80 is not a mapping']],
    ['null', [null], ['spec.ports[0]: is missing; give a port']],
    ['no number', [{ name: 'http' }], ['spec.ports[0].port: is missing; give a port, 1 to 65535']],
    ['port 0', [{ port: 0 }], ['spec.ports[0].port: 0 is not a port; give 1 to 65535']],
    ['port 70000', [{ port: 70_000 }], ['spec.ports[0].port: 70000 is not a port; give 1 to 65535']],
    [
      'a number in quotes',
      [{ port: '80' }],
      ['spec.ports[0].port: "80" is not a port; give 1 to 65535, without quotes'],
    ],
    [
      'a node port too high',
      [{ port: 80, nodePort: 65_536 }],
      ['spec.ports[0].nodePort: 65536 is not a port; give 1 to 65535'],
    ],
    [
      'another protocol',
      [{ port: 80, protocol: 'tcp' }],
      ['spec.ports[0].protocol: "tcp" is not one of TCP, UDP, SCTP'],
    ],
    [
      'a name that is no DNS label',
      [{ name: 'HTTP', port: 80 }],
      [
        'spec.ports[0].name: "HTTP" is not a DNS label; give lower-case letters, digits and \'-\', at most 63',
      ],
    ],
    [
      'several ports and one without a name',
      [{ name: 'a', port: 80 }, { port: 81 }],
      ['spec.ports[1].name: is missing; every port has a name where there are several'],
    ],
    [
      'a name twice',
      [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
      ['spec.ports[1].name: "a" is the name of an earlier port too'],
    ],
    [
      'a number twice for a protocol',
      [
        { name: 'a', port: 80 },
        { name: 'b', port: 80, protocol: 'TCP' },
      ],
      ['spec.ports[1].port: 80 is there twice for TCP'],
    ],
  ])('may not be %s', (_what, ports, complaints) => {
    expect(complaintsOf(withPorts(ports))).toEqual(complaints);
  });
});
