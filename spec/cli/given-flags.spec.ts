import { describe, expect, it } from 'vitest';
import { GivenFlags, invalidFlag } from '../../src/cli/given-flags.js';
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
    expect(invalidFlag('v', 'is wrong')).toMatchObject({ code: 'FLAG_INVALID', message: '-v: is wrong' });
  });
});
