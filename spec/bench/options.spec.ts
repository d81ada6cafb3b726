import { describe, expect, it } from 'vitest';
import { MEASUREMENT_NAMES } from '../../bench/measurements.js';
import { parseOptions, UsageError } from '../../bench/options.js';

const parse = (...argv: string[]) => parseOptions(argv);

describe('the options of the bench', () => {
  it('measure everything where nothing is said', () => {
    expect(parse()).toEqual({
      only: MEASUREMENT_NAMES,
      rounds: 5,
      seconds: 1,
      peers: ['native', 'portable', 'haproxy', 'nginx'],
      programs: [],
      relayPrograms: [],
      out: 'bench/results',
      json: null,
      help: false,
    });
  });

  it('are what was said', () => {
    const argv = ['--only', 'tcp-requests,udp', '--rounds', '3', '--seconds', '0.5', '--json', 'out.json'];
    const more = ['--peers', 'native,haproxy', '--relay-program', 'asan=/r', '--out', 'there'];
    expect(parse(...argv, ...more, '--program', 'old=/a/main.js', '--program', 'new=/b=c/main.js')).toEqual({
      only: ['tcp-requests', 'udp'],
      rounds: 3,
      seconds: 0.5,
      peers: ['native', 'haproxy'],
      relayPrograms: [{ name: 'asan', file: '/r' }],
      out: 'there',
      programs: [
        { name: 'old', file: '/a/main.js' },
        { name: 'new', file: '/b=c/main.js' },
      ],
      json: 'out.json',
      help: false,
    });
  });

  it('name what there is to measure where they are told of something else', () => {
    const error = new UsageError(
      '--only: there is no "tpc"; there are tcp-requests, tcp-connections, tcp-bulk, udp, latency, memory',
    );
    expect(() => parse('--only', 'udp,tpc')).toThrow(error);
  });

  it('may name the direct connection, which is there anyhow, and a peer that is not measured otherwise', () => {
    expect(parse('--peers', 'direct,native-2').peers).toEqual(['native-2']);
    expect(parse('--peers', 'direct').peers).toEqual([]);
  });

  it('know a stream by either name, once', () => {
    expect(parse('--only', 'tcp-stream,tcp-bulk').only).toEqual(['tcp-bulk']);
  });

  it.each([
    [['--rounds', '0'], '--rounds: "0" is not a whole number from 1 to 100'],
    [['--rounds', '2.5'], '--rounds: "2.5" is not a whole number'],
    [['--rounds', 'many'], '--rounds: "many" is not a whole number'],
    [['--seconds', '0'], '--seconds: "0" is not a number from 0.1 to 60'],
    [['--seconds', ''], '--seconds: "" is not a number'],
    [['--seconds', 'Infinity'], '--seconds: "Infinity" is not a number'],
    [['--program', 'main.js'], '--program: "main.js" is not NAME=FILE'],
    [['--program', 'a=x', '--program', 'a=y'], '--program: "a" is named twice'],
    [['--program', 'direct=x'], '--program: "direct" is what the others are compared with'],
    [['--program', 'nginx=x'], '--program: "nginx" is another peer\'s name'],
    [['--relay-program', 'portable=x'], '--relay-program: "portable" is another'],
    [['--peers', 'envoy'], '--peers: there is no "envoy"; there are native, native-2, portable'],
    [['--fast'], "Unknown option '--fast'"],
    [['udp'], "Unexpected argument 'udp'"],
  ])('refuse %j', (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(message);
  });
});
