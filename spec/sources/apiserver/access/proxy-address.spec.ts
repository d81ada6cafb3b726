import { describe, expect, it } from 'vitest';
import {
  environmentProxy,
  parseProxyAddress,
  proxyText,
} from '../../../../src/sources/apiserver/access/proxy-address.js';
import { parseServerAddress } from '../../../../src/sources/apiserver/access/server-address.js';

const proxyFor = (server: string, environment: Record<string, string>) => {
  const found = environmentProxy(parseServerAddress(server, 'server'), environment);
  return found === null ? null : proxyText(found);
};

describe('the URL of a proxy', () => {
  it.each([
    ['http://10.0.0.1', 'http', '10.0.0.1', 80],
    ['10.0.0.1:3128', 'http', '10.0.0.1', 3128],
    ['https://proxy.test', 'https', 'proxy.test', 443],
    ['socks5://[fd00::1]', 'socks5', 'fd00::1', 1080],
    ['socks5h://proxy.test:9', 'socks5', 'proxy.test', 9],
  ])('%s is understood', (text, kind, host, port) => {
    expect(parseProxyAddress(text, 'here')).toEqual({ kind, host, port, credentials: null });
  });

  it.each([
    'ftp://u:hunter2@p',
    'http://',
    'http://u:hunter2@p:x',
    'http://%zz:hunter2@p',
    'socks4://u:hunter2@p',
  ])('%s is refused, and not repeated', (text) => {
    expect(() => parseProxyAddress(text, 'here')).toThrow(/^here is not the URL of a proxy/);
    expect(() => parseProxyAddress(text, 'here')).not.toThrow(/hunter2/);
  });
});

describe('the credentials in the URL of a proxy', () => {
  const long = 'ä'.repeat(128);

  it.each([`${long}:x`, `x:${long}`])(
    'are refused where SOCKS cannot carry them, and not repeated',
    (pair) => {
      const parse = () => parseProxyAddress(`socks5://${pair}@proxy.test`, 'here');
      expect(parse).toThrow(/^here has a user name or a password of more than 255 bytes/);
      expect(parse).not.toThrow(/ä|%C3/);
    },
  );

  it('are as long as they like for HTTP, and 255 bytes for SOCKS', () => {
    const { credentials } = parseProxyAddress(`http://x:${long}@proxy.test`, 'here');
    expect(credentials).toEqual({ username: 'x', password: long });
    const longest = 'p'.repeat(255);
    expect(parseProxyAddress(`socks5://x:${longest}@proxy.test`, 'here').credentials?.password).toBe(longest);
  });
});

describe('the proxy of the environment', () => {
  it('is the one for the scheme of the server, upper case first', () => {
    const both = { HTTPS_PROXY: 'http://s:1', HTTP_PROXY: 'http://p:2', https_proxy: 'http://lower:3' };
    expect(proxyFor('https://api.test', both)).toBe('s:1');
    expect(proxyFor('http://api.test', both)).toBe('p:2');
    expect(proxyFor('https://api.test', { https_proxy: 'lower:3' })).toBe('lower:3');
    expect(proxyFor('https://api.test', { HTTP_PROXY: 'http://p:2' })).toBeNull();
  });

  it.each(['https://localhost:1', 'https://127.0.0.9', 'https://[::1]:6443'])(
    'is never used for %s',
    (server) => {
      expect(proxyFor(server, { HTTPS_PROXY: 'p:1' })).toBeNull();
    },
  );

  it.each([
    ['*', true],
    ['cluster.test', true],
    ['CLUSTER.test', true],
    ['.cluster.test', true],
    ['*.cluster.test', true],
    ['api.cluster.test', true],
    ['.api.cluster.test', false],
    ['ster.test', false],
    ['api.cluster.test:6443', true],
    ['api.cluster.test:443', false],
    ['other.test, cluster.test', true],
    ['', false],
    ['10.0.0.0/8', false],
  ])('is left out for https://api.cluster.test:6443 by NO_PROXY=%s: %s', (exceptions, leftOut) => {
    const environment = { HTTPS_PROXY: 'p:1', NO_PROXY: exceptions };
    expect(proxyFor('https://api.cluster.test:6443', environment)).toBe(leftOut ? null : 'p:1');
  });

  it.each([
    ['https://10.1.2.3:6443', '10.0.0.0/8', true],
    ['https://10.1.2.3:6443', '10.1.2.3', true],
    ['https://10.1.2.3:6443', '10.1.2.3:6443', true],
    ['https://10.1.2.3:6443', '10.1.2.3:443', false],
    ['https://11.1.2.3:6443', '10.0.0.0/8', false],
    ['https://[fd00::7]:6443', 'fd00::/64', true],
    ['https://[fd00::7]:6443', 'fd00::7', true],
    ['https://[fd00::7]:6443', '[fd00::7]:6443', true],
    ['https://[fd01::7]:6443', 'fd00::/64', false],
  ])('is left out for %s by NO_PROXY=%s: %s', (server, exceptions, leftOut) => {
    expect(proxyFor(server, { HTTPS_PROXY: 'p:1', no_proxy: exceptions })).toBe(leftOut ? null : 'p:1');
  });
});
