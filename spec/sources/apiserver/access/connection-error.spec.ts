import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../../../src/model/errors.js';
import { connectionError } from '../../../../src/sources/apiserver/access/connection-error.js';
import { parseServerAddress } from '../../../../src/sources/apiserver/access/server-address.js';

const failed = (code: string, server = 'https://[fd00::1]:6443'): KubeSpliceError =>
  connectionError(
    Object.assign(new Error('words of the system'), { code }),
    parseServerAddress(server, 'server'),
  );

describe('a failed connection', () => {
  it.each([
    ['ECONNREFUSED', 'nothing listens there (ECONNREFUSED)'],
    ['ENOTFOUND', 'there is no such name (ENOTFOUND)'],
    ['EAI_AGAIN', 'the name server does not answer (EAI_AGAIN)'],
    ['ETIMEDOUT', 'nobody answers (ETIMEDOUT)'],
    ['ENETUNREACH', 'no way leads there (ENETUNREACH)'],
    ['ESOMETHING', 'ESOMETHING'],
  ])('with %s says host, port, and the system in words', (code, words) => {
    const error = failed(code);
    expect(error.code).toBe('APISERVER_UNREACHABLE');
    expect(error.message).toBe(`no API server at [fd00::1]:6443: ${words}`);
  });

  it('without a code says what its error says', () => {
    const error = connectionError(new Error('something else'), parseServerAddress('http://a.test', 'server'));
    expect(error.message).toBe('no API server at a.test:80: something else');
  });

  it.each([
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
    'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED',
  ])('with %s is about the client certificate', (code) => {
    expect(failed(code).code).toBe('APISERVER_UNAUTHORIZED');
  });

  it('with a certificate that OpenSSL finds too weak is about credentials', () => {
    expect(failed('ERR_SSL_EE_KEY_TOO_SMALL').code).toBe('CREDENTIALS_UNUSABLE');
  });

  it('in two kinds of speech says which scheme to try', () => {
    expect(failed('ERR_SSL_WRONG_VERSION_NUMBER').remedy).toContain('http://');
    expect(failed('HPE_INVALID_CONSTANT', 'http://a.test').remedy).toContain('https://');
    expect(failed('HPE_INVALID_CONSTANT').code).toBe('APISERVER_MALFORMED');
  });

  it('that says so already stays what it is', () => {
    const error = new KubeSpliceError('CREDENTIALS_UNUSABLE', 'no token');
    expect(connectionError(error, parseServerAddress('http://a.test', 'server'))).toBe(error);
  });
});
