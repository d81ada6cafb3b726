import { describe, expect, it } from 'vitest';
import { MEASUREMENT_NAMES } from '../../bench/measurements.js';
import { parseOptions, UsageError } from '../../bench/options.js';

const parse = (...argv: string[]) => parseOptions(argv, '/built/main.js');

describe('the options of the bench', () => {
  it('measure everything where nothing is said', () => {
    expect(parse()).toEqual({
      only: MEASUREMENT_NAMES,
      rounds: 5,
      seconds: 1,
      programs: [{ name: 'portable', file: '/built/main.js' }],
      json: null,
      help: false,
    });
  });

  it('are what was said', () => {
    const argv = ['--only', 'tcp-requests,udp', '--rounds', '3', '--seconds', '0.5', '--json', 'out.json'];
    expect(parse(...argv, '--program', 'old=/a/main.js', '--program', 'new=/b=c/main.js')).toEqual({
      only: ['tcp-requests', 'udp'],
      rounds: 3,
      seconds: 0.5,
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
      '--only: there is no "tpc"; there are tcp-requests, tcp-connections, tcp-bulk, udp, memory',
    );
    expect(() => parse('--only', 'udp,tpc')).toThrow(error);
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
    [['--fast'], "Unknown option '--fast'"],
    [['udp'], "Unexpected argument 'udp'"],
  ])('refuse %j', (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(message);
  });
});
