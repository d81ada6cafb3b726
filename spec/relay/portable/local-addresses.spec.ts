import { describe, expect, it } from 'vitest';
import { LocalAddresses } from '../../../src/relay/portable/local-addresses.js';

function start() {
  const looked: string[] = [];
  let time = 0;
  const pass = (ms: number): void => {
    time += ms;
  };
  const lookUp = (bindAddress: string): string[] => {
    looked.push(bindAddress);
    return [`${bindAddress} at ${time}`];
  };
  return { looked, pass, addresses: new LocalAddresses(lookUp, () => time) };
}

describe('the local addresses of all portals', () => {
  it('are looked up once for those who ask at about the same time', () => {
    const { looked, addresses } = start();
    expect([addresses.of('::'), addresses.of('::')]).toEqual([[':: at 0'], [':: at 0']]);
    expect(looked).toEqual(['::']);
  });

  it('are looked up for each bind address', () => {
    const { addresses } = start();
    expect([addresses.of('::'), addresses.of('0.0.0.0')]).toEqual([[':: at 0'], ['0.0.0.0 at 0']]);
  });

  it('are looked up again after a second, or when they are forgotten', () => {
    const { looked, pass, addresses } = start();
    addresses.of('::');
    pass(1_000);
    expect(addresses.of('::')).toEqual([':: at 1000']);
    addresses.forget();
    addresses.of('::');
    expect(looked).toHaveLength(3);
  });
});
