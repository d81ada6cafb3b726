import { describe, expect, it } from 'vitest';
import { GivenFlags } from '../../src/cli/given-flags.js';
import { invalid, valid } from '../../src/config/parsed.js';
import { KubeSpliceError } from '../../src/model/errors.js';

const FLAGS = new GivenFlags(
  new Map([
    ['udp-timeout', ['1s', '2s']],
    ['manifests', ['a', 'b']],
    ['masquerade-all', ['true', 'f']],
    ['kubeconfig', ['']],
  ]),
);

describe('GivenFlags', () => {
  it('reads the last of several values', () => {
    expect(FLAGS.text('udp-timeout')).toBe('2s');
    expect(FLAGS.read('udp-timeout', valid)).toBe('2s');
    expect(FLAGS.isTrue('masquerade-all')).toBe(false);
    expect(FLAGS.all('manifests')).toEqual(['a', 'b']);
  });

  it('has nothing of a flag that was not given', () => {
    expect(FLAGS.has('master')).toBe(false);
    expect(FLAGS.all('master')).toEqual([]);
    expect(FLAGS.text('master')).toBeUndefined();
    expect(FLAGS.read('master', valid)).toBeUndefined();
    expect(FLAGS.isTrue('cleanup')).toBe(false);
  });

  it('tells an empty value from a filled one', () => {
    expect(FLAGS.has('kubeconfig')).toBe(true);
    expect(FLAGS.isFilled('kubeconfig')).toBe(false);
    expect(FLAGS.isFilled('master')).toBe(false);
    expect(FLAGS.isFilled('udp-timeout')).toBe(true);
  });

  it('names the flag and the value of what cannot be read', () => {
    expect(() => FLAGS.read('udp-timeout', (text) => invalid(text, 'is not a port'))).toThrow(
      new KubeSpliceError('FLAG_INVALID', '--udp-timeout: "2s" is not a port'),
    );
    expect(new GivenFlags(new Map()).invalid('v', 'is wrong')).toMatchObject({
      code: 'FLAG_INVALID',
      message: '-v: is wrong',
    });
  });
});

describe('flags over a configuration file', () => {
  const file = new Map([
    ['v', { texts: ['2'], where: 'k.yaml:7: log.level' }],
    ['udp-timeout', { texts: ['x'], where: 'k.yaml:3: udpIdleTimeout' }],
    ['manifests', { texts: ['a', 'b'], where: 'k.yaml:4: manifests' }],
  ]);
  const flags = new GivenFlags(new Map([['v', ['4']]])).over(file);

  it('have the values of the file where no flag was given', () => {
    expect(flags.text('v')).toBe('4');
    expect(flags.all('manifests')).toEqual(['a', 'b']);
    expect(flags.has('udp-timeout')).toBe(true);
    expect(flags.has('kubeconfig')).toBe(false);
  });

  it('name what is wrong by the flag, or by the place in the file', () => {
    expect(flags.invalid('v', 'is wrong')).toMatchObject({ code: 'FLAG_INVALID', message: '-v: is wrong' });
    expect(flags.invalid('udp-timeout', 'is wrong')).toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'k.yaml:3: udpIdleTimeout: is wrong',
    });
    expect(flags.nameOf('manifests')).toBe('k.yaml:4: manifests');
  });
});
