import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countsLine, LiveLine } from '../../../src/cli/demo/live-counts.js';
import { CapturedOutput } from '../../support/captured-output.js';
import {
  aReport,
  aServicePortView,
  aUdpServicePort,
  aView,
  endpoints,
  portalCounters,
} from '../../support/proxy-values.js';

describe('the line of counts', () => {
  it('has a number for each endpoint, and the bytes of all', () => {
    const report = aReport({
      view: aView([
        aServicePortView(),
        aServicePortView({ servicePort: aUdpServicePort(), endpoints: endpoints(7001) }),
      ]),
      counters: new Map([
        [
          'default/whoami:http',
          portalCounters({
            bytesIn: 1000,
            bytesOut: 2000,
            endpoints: new Map([['10.1.0.1:3001', { connections: 1, totalConnections: 4 }]]),
          }),
        ],
        [
          'default/echo',
          portalCounters({
            bytesIn: 24,
            bytesOut: 48,
            endpoints: new Map([['10.1.0.1:7001', { connections: 0, totalConnections: 2 }]]),
          }),
        ],
      ]),
    });
    expect(countsLine(report)).toBe('echo 2 sessions, whoami 4+0 connections, 1.0KiB in, 2.0KiB out');
  });

  it('tells dial failures only where there are some', () => {
    const counters = new Map([['default/whoami:http', portalCounters({ dialFailures: 1 })]]);
    expect(countsLine(aReport({ counters }))).toBe('whoami 0+0 connections, 0B in, 0B out, 1 dial failure');
  });

  it('has a zero where there are no endpoints', () => {
    const view = aView([aServicePortView({ endpoints: [] })]);
    expect(countsLine(aReport({ view }))).toBe('whoami 0 connections, 0B in, 0B out');
  });
});

describe('a live line', () => {
  it('stays in its place on a terminal, and leaves nothing of a longer one before it', () => {
    const output = new CapturedOutput(true);
    const line = new LiveLine(output);
    for (const text of ['a long line', 'short', 'short', 'other']) line.show(text);
    line.end();
    expect(output.writes).toEqual(['\ra long line', '\rshort      ', '\rother', '\n']);
  });

  it('is a new line at each change on a pipe', () => {
    const output = new CapturedOutput(false);
    const line = new LiveLine(output);
    for (const text of ['one', 'one', 'two']) line.show(text);
    line.end();
    expect(output.writes).toEqual(['one\n', 'two\n']);
  });

  it('is cut where the terminal ends', () => {
    const output = new CapturedOutput(true, 10);
    const line = new LiveLine(output);
    line.show('x'.repeat(10));
    expect(output.text).toBe(`\r${'x'.repeat(8)}…`);
  });

  it('takes a terminal that does not tell its width for one of 80 columns', () => {
    const output = new CapturedOutput(true, 0);
    new LiveLine(output).show('x'.repeat(100));
    expect(output.text).toBe(`\r${'x'.repeat(78)}…`);
  });

  it('never fills the last column, whatever the terminal, the text and the size it is changed to', () => {
    const width = fc.integer({ min: 1, max: 200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), width)), (shown) => {
        const output = new CapturedOutput(true);
        const line = new LiveLine(output);
        for (const [text, columns] of shown) {
          output.columns = columns;
          const before = output.writes.length;
          line.show(text);
          for (const written of output.writes.slice(before)) {
            expect(written.length - 1).toBeLessThanOrEqual(Math.max(1, Math.min(columns, 80) - 1));
          }
        }
      }),
    );
  });

  it('needs no end where nothing was shown', () => {
    const output = new CapturedOutput(true);
    new LiveLine(output).end();
    expect(output.text).toBe('');
  });
});
