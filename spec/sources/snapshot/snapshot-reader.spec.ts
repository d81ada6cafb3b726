import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_STATE } from '../../../src/model/service-state.js';
import { snapshotChunks } from '../../../src/sources/snapshot/snapshot-lines.js';
import {
  END,
  FIELDS,
  FIRST,
  HEADER,
  read,
  readLines,
  refusalOf,
  refusalOfLines,
  servicePortLine,
  textOf,
} from './snapshot-text.js';
import { largeState, plain, states } from './state-arbitraries.js';

describe('what was written', () => {
  it('is read back, every field of every state', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(plain(read(Buffer.from(textOf(state))))).toEqual(plain(state));
      }),
    );
  });

  it('may be no Services at all', () => {
    expect(plain(read(Buffer.from(textOf(EMPTY_STATE))))).toEqual(plain(EMPTY_STATE));
  });

  it('may be many endpoints of one Service: no line holds more than a thousand of them', () => {
    const state = largeState(1, 2_500);
    const lines = textOf(state).split('\n');
    expect(lines.filter((line) => line.startsWith('{"endpoints":'))).toHaveLength(3);
    expect(plain(read(Buffer.from(textOf(state))))).toEqual(plain(state));
  });

  it('comes in chunks of about 64 KiB, however large the state is', () => {
    const lengths = [...snapshotChunks(HEADER, largeState(1_000, 10))].map(({ length }) => length);
    expect(Math.max(...lengths)).toBeLessThan(96 * 1024);
    expect(lengths.length).toBeGreaterThan(5);
  });
});

describe('whatever the bytes are', () => {
  it('they are refused, or make a state that is sound: whole when written and read again', {
    timeout: 30_000,
  }, () => {
    const mutations = fc.array(
      fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.integer({ min: 0, max: 255 }) }),
      { minLength: 1, maxLength: 3 },
    );
    let [taken, refused] = [0, 0];
    fc.assert(
      fc.property(states, mutations, (state, changes) => {
        const bytes = Buffer.from(textOf(state));
        for (const { at, byte } of changes) bytes[Math.floor(at * (bytes.length - 1))] = byte;
        if (refusalOf(bytes) !== undefined) {
          refused += 1;
          return;
        }
        taken += 1;
        const mutated = read(bytes);
        expect(plain(read(Buffer.from(textOf(mutated))))).toEqual(plain(mutated));
      }),
      { numRuns: 1_000 },
    );
    // Else the law would say less than it seems to.
    expect(taken).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });

  it('nothing but bytes of chance is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(refusalOf(bytes)).toBeDefined();
      }),
    );
  });

  it('a text that was cut anywhere is refused', () => {
    const bytes = Buffer.from(textOf(largeState(3, 3)));
    // The last byte is the end of the last line, which is whole without it.
    for (let length = 0; length < bytes.length - 1; length += 1)
      expect(refusalOf(bytes.subarray(0, length)), `cut at ${length}`).toBeDefined();
  });

  it('a line that nests a million lists is refused', () => {
    const nested = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    expect(refusalOfLines(FIRST, `{"endpoints":${nested}}`, END)).toMatch(/^line 2: /);
  });
});

describe('the first line', () => {
  it.each([
    ['', /^line 1: its first line tells no version/],
    ['{}', /^line 1: its first line tells no version/],
    ['[]', /^line 1: a list is not a mapping/],
    ['null', /^line 1: is missing; give an object/],
    ['{"version":"1"}', /^line 1: version: "1" is not a version/],
    ['{"version":3,"somethingNew":{}}', /a newer version, 3; this kube-splice reads versions 1 to 2/],
    ['{"version":0}', /an older version, 0; this kube-splice reads versions 1 to 2/],
    ['{"version":1,"server":"https://a"}', /savedAt: is missing/],
    ['{"version":1,"savedAt":"2026-11-22T12:00:00Z"}', /server: is missing/],
    ['{"version":1,"savedAt":"noon","server":"https://a"}', /savedAt: "noon" is not a time/],
    [
      '{"version":1,"savedAt":"2026-11-22T12:00:00Z","server":"https://a","nodeName":7}',
      /nodeName: 7 is not text/,
    ],
  ])('%s is refused', (line, message) => {
    expect(refusalOfLines(line, END)).toMatch(message);
  });
});

describe('the order of lines', () => {
  it.each([
    [
      'endpoints before a service port',
      [FIRST, '{"endpoints":[]}', END],
      /^line 2: there is no service port/,
    ],
    [
      'a service port twice',
      [FIRST, servicePortLine(), servicePortLine(), END],
      /default\/web:http is there twice/,
    ],
    ['something after the end', [FIRST, END, servicePortLine()], /^line 3: there is more after the end/],
    ['no end', [FIRST, servicePortLine()], /the file was cut/],
    ['an unknown line', [FIRST, '{"endpoint":[]}', END], /^line 2: it is neither/],
    ['an end that is none', [FIRST, '{"end":false}'], /^line 2: it is neither/],
    ['a line that is not JSON', [FIRST, '{"end":true'], /^line 2: it is not JSON/],
  ])('%s is refused', (_, lines, message) => {
    expect(refusalOfLines(...lines)).toMatch(message);
  });

  it('a line that is not UTF-8 is refused', () => {
    expect(refusalOf(Buffer.concat([Buffer.from(`${FIRST}\n`), Buffer.from([0xff, 0xfe])]))).toMatch(
      /not UTF-8/,
    );
  });
});

describe('endpoints', () => {
  it.each([
    '10.0.0.1',
    '10.0.0.1:',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1:080',
    '10.0.0.1:8e1',
    '10.0.0.01:80',
    '[10.0.0.1]:80',
    'fd00::1:80',
    '[fd00:0::1]:80',
    '[FD00::1]:80',
    'web:80',
    '',
    ':80',
  ])('%j is none', (key) => {
    expect(refusalOfLines(FIRST, servicePortLine(), JSON.stringify({ endpoints: [key] }), END)).toMatch(
      /^line 3: endpoints\[0\]: .* is not an endpoint/,
    );
  });

  it.each([
    ['[7]', /endpoints\[0\]: 7 is not an endpoint/],
    ['[null]', /endpoints\[0\]: .* is not an endpoint/],
    ['"10.0.0.1:80"', /endpoints: .*is not a list/],
    ['["10.0.0.1:80","10.0.0.1:80"]', /endpoints\[1\]: "10.0.0.1:80" is there twice/],
  ])('%s are none', (written, message) => {
    expect(refusalOfLines(FIRST, servicePortLine(), `{"endpoints":${written}}`, END)).toMatch(message);
  });

  it('are of the service port above, over several lines, and no list is not an empty one', () => {
    const state = readLines(
      FIRST,
      servicePortLine(),
      '{"endpoints":["10.0.0.2:80"]}',
      '{"endpoints":["10.0.0.1:80"]}',
      servicePortLine({ portName: 'external', nodePort: 30_000, externalTrafficPolicy: 'Local' }),
      '{"externalEndpoints":[]}',
      servicePortLine({ portName: '' }),
      END,
    );
    expect(state.endpoints.get('default/web:http')?.map(({ key }) => key)).toEqual([
      '10.0.0.2:80',
      '10.0.0.1:80',
    ]);
    expect(state.externalEndpoints.get('default/web:external')).toEqual([]);
    expect(state.endpoints.has('default/web')).toBe(false);
  });

  it.each([
    [{ nodePort: 30_000, externalTrafficPolicy: 'Local' }],
    [{ externalIPs: ['192.0.2.1'], internalTrafficPolicy: 'Local' }],
    [{ loadBalancerIPs: ['192.0.2.1'], externalTrafficPolicy: 'Local' }],
  ])('for external traffic have to be told of a service port with %j', (changes) => {
    expect(refusalOfLines(FIRST, servicePortLine(changes), END)).toMatch(/no list of its external endpoints/);
    const list = '{"externalEndpoints":["10.0.0.1:80"]}';
    expect(refusalOfLines(FIRST, servicePortLine(changes), list, END)).toBeUndefined();
  });

  it.each([
    [{}],
    [{ externalTrafficPolicy: 'Local' }],
    [{ nodePort: 30_000, internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' }],
  ])('for external traffic are refused for a service port with %j', (changes) => {
    const lines = [
      FIRST,
      servicePortLine(changes),
      '{"externalEndpoints":[]}',
      servicePortLine({ port: 81 }),
      END,
    ];
    expect(refusalOfLines(...lines)).toMatch(/has external endpoints, and nothing that leads to them/);
  });

  it('that are there twice, in two lines, are refused', () => {
    const line = '{"endpoints":["10.0.0.1:80"]}';
    expect(refusalOfLines(FIRST, servicePortLine(), line, line, END)).toMatch(/^line 4: .*is there twice/);
  });
});

describe('the ready endpoints on the node', () => {
  const asked = { healthCheckNodePort: 32_000, externalTrafficPolicy: 'Local' };
  const line = '{"readyLocalEndpoints":["10.0.0.1:80"]}';

  it('are what is written, whatever traffic may use, and may be none', () => {
    const state = readLines(
      FIRST,
      servicePortLine({ ...asked, nodePort: 30_000 }),
      '{"externalEndpoints":["10.0.0.1:80","10.0.0.2:80"]}',
      line,
      '{"readyLocalEndpoints":["[fd00::1]:80"]}',
      servicePortLine({ ...asked, portName: 'none' }),
      '{"readyLocalEndpoints":[]}',
      END,
    );
    const keys = [...state.readyLocalEndpoints].map(([name, list]) => [name, list.map(({ key }) => key)]);
    expect(new Map(keys as [string, string[]][])).toEqual(
      new Map([
        ['default/web:http', ['10.0.0.1:80', '[fd00::1]:80']],
        ['default/web:none', []],
      ]),
    );
  });

  it('have to be told of a service port with a healthCheckNodePort, and of no other', () => {
    expect(refusalOfLines(FIRST, servicePortLine(asked), END)).toMatch(
      /^line 3: default\/web:http has no list of its ready endpoints on the node/,
    );
    expect(refusalOfLines(FIRST, servicePortLine(), line, END)).toMatch(
      /^line 4: default\/web:http has ready endpoints on the node, and nobody who asks for them/,
    );
    expect(refusalOfLines(FIRST, servicePortLine(asked), line, line, END)).toMatch(/^line 4: .*there twice/);
  });
});

describe('a service port', () => {
  it('is taken as it stands here', () => {
    const { servicePorts } = readLines(FIRST, servicePortLine(), END);
    expect([...servicePorts.values()]).toEqual([{ name: 'default/web:http', ...FIELDS }]);
  });

  it.each(Object.keys(FIELDS).filter((key) => !['nodePort', 'healthCheckNodePort'].includes(key)))(
    'without %s is refused',
    (key) => {
      expect(refusalOfLines(FIRST, servicePortLine({ [key]: undefined }), END)).toMatch(
        new RegExp(`^line 2: servicePort\\.${key}\\S*: is missing`),
      );
    },
  );

  it.each([
    [{ namespace: '' }, /namespace: "" is empty/],
    [{ namespace: 'Default' }, /namespace: "Default" is not a DNS label/],
    [{ service: 'a/b' }, /service: "a\/b" is not a DNS label/],
    [{ portName: 'http\n' }, /portName: .*is not a DNS label/],
    [{ protocol: 'SCTP' }, /protocol: "SCTP" is not one of TCP, UDP/],
    [{ protocol: '' }, /protocol: "" is empty/],
    [{ port: 0 }, /port: 0 is not a port/],
    [{ port: '80' }, /port: "80" is not a port/],
    [{ nodePort: 65_536 }, /nodePort: 65536 is not a port/],
    [{ healthCheckNodePort: 1.5 }, /healthCheckNodePort: 1.5 is not a port/],
    [{ maxConnections: 0 }, /maxConnections: 0 is not a number of connections/],
    [{ clusterIPs: ['10.0.0.1/8'] }, /clusterIPs\[0\]: .* is not an IP address in canonical text/],
    [{ clusterIPs: ['FD00::1'] }, /clusterIPs\[0\]: "FD00::1" is not an IP address in canonical text/],
    [{ clusterIPs: '10.0.0.1' }, /clusterIPs: "10.0.0.1" is not a list/],
    [{ clusterIPs: ['10.0.0.1', '10.0.0.1'] }, /clusterIPs\[1\]: "10.0.0.1" is there twice/],
    [{ externalIPs: [''] }, /externalIPs\[0\]: "" is empty/],
    [{ loadBalancerIPs: [7] }, /loadBalancerIPs\[0\]: 7 is not text/],
    [
      { loadBalancerSourceRanges: ['10.0.0.1/8'] },
      /loadBalancerSourceRanges\[0\]: .* is not a CIDR in canonical/,
    ],
    [{ sessionAffinity: 'None' }, /sessionAffinity: "None" is not a mapping/],
    [{ sessionAffinity: { type: 'Cookie' } }, /sessionAffinity.type: "Cookie" is not one of/],
    [{ sessionAffinity: { type: 'ClientIP' } }, /sessionAffinity.timeoutSeconds: is missing/],
    [
      { sessionAffinity: { type: 'ClientIP', timeoutSeconds: 86_401 } },
      /timeoutSeconds: 86401 is not a timeout/,
    ],
    [{ internalTrafficPolicy: 'Node' }, /internalTrafficPolicy: "Node" is not one of Cluster, Local/],
  ])('with %j is refused', (changes, message) => {
    expect(refusalOfLines(FIRST, servicePortLine(changes), END)).toMatch(message);
  });
});
