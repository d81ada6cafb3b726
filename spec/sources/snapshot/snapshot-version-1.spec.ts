import { describe, expect, it } from 'vitest';
import { END, HEADER, read, readLines, refusalOfLines, servicePortLine, textOf } from './snapshot-text.js';
import { plain } from './state-arbitraries.js';

const FIRST_OF_VERSION_1 = JSON.stringify({ version: 1, ...HEADER });

describe('a snapshot of version 1, which says nothing of readiness', () => {
  const asked = { healthCheckNodePort: 32_000, externalTrafficPolicy: 'Local' };
  const [here, all] = ['["10.0.0.1:80"]', '["10.0.0.1:80","10.0.0.2:80"]'];

  it.each<[string, object, readonly string[], string[]]>([
    [
      'those that traffic from outside may use',
      { ...asked, nodePort: 30_000 },
      [`{"endpoints":${all}}`, `{"externalEndpoints":${here}}`],
      ['10.0.0.1:80'],
    ],
    [
      'those that all traffic may use, where it stays on the node',
      { ...asked, nodePort: 30_000, internalTrafficPolicy: 'Local' },
      [`{"endpoints":${here}}`],
      ['10.0.0.1:80'],
    ],
    [
      'none, where all traffic would stay on the node and there are none',
      { ...asked, nodePort: 30_000, internalTrafficPolicy: 'Local' },
      [],
      [],
    ],
    ['none, where only those of the whole cluster are known', asked, [`{"endpoints":${all}}`], []],
    [
      'none, where traffic from outside may go to all nodes',
      { ...asked, nodePort: 30_000, externalTrafficPolicy: 'Cluster', internalTrafficPolicy: 'Local' },
      [`{"endpoints":${here}}`, `{"externalEndpoints":${all}}`],
      [],
    ],
  ])('counts %s', (_which, changes, lists, expected) => {
    const state = readLines(FIRST_OF_VERSION_1, servicePortLine(changes), ...lists, END);
    expect(state.readyLocalEndpoints.get('default/web:http')?.map(({ key }) => key)).toEqual(expected);
    expect(plain(read(Buffer.from(textOf(state))))).toEqual(plain(state));
  });

  it('is read with every Service and endpoint, and has no list where nobody asks for one', () => {
    const state = readLines(FIRST_OF_VERSION_1, servicePortLine(), `{"endpoints":${all}}`, END);
    expect(state.endpoints.get('default/web:http')).toHaveLength(2);
    expect(state.readyLocalEndpoints.size).toBe(0);
  });

  it('has no line of ready endpoints', () => {
    const lines = [FIRST_OF_VERSION_1, servicePortLine(asked), `{"readyLocalEndpoints":${here}}`, END];
    expect(refusalOfLines(...lines)).toMatch(/^line 3: it is neither/);
  });
});
