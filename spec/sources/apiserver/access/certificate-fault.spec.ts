import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { certificateFault } from '../../../../src/sources/apiserver/access/certificate-fault.js';
import { CertificateAuthority } from '../../../support/certificate-authority.js';

const good = new X509Certificate(new CertificateAuthority().server(['a.test', 'fd00::1']).certificate);

const whyOf = (code: string, certificate: X509Certificate | undefined = good) =>
  certificateFault(code, certificate, 'b.test', new Date())?.why;

describe('why a certificate was rejected', () => {
  it('tells one that has expired from one below another that has', () => {
    expect(whyOf('CERT_HAS_EXPIRED')).toBe('a certificate above it has expired');
    const later = new Date(Date.now() + 100 * 24 * 3600_000);
    expect(certificateFault('CERT_HAS_EXPIRED', good, 'b.test', later)?.why).toBe(
      `it expired on ${new Date(good.validTo).toISOString()}, and here it is ${later.toISOString()}`,
    );
  });

  it('tells one that is not yet valid from one below another that is not', () => {
    expect(whyOf('CERT_NOT_YET_VALID')).toBe('a certificate above it is not yet valid');
  });

  it('names all the names it is for', () => {
    expect(whyOf('ERR_TLS_CERT_ALTNAME_INVALID')).toBe(
      'it is not for b.test but for DNS:a.test, IP:FD00:0:0:0:0:0:0:1',
    );
    expect(certificateFault('ERR_TLS_CERT_ALTNAME_INVALID', undefined, 'b.test', new Date())?.why).toBe(
      'it is not for b.test but for no name at all',
    );
  });

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_SIGNATURE_FAILURE',
    'INVALID_PURPOSE',
  ])('says %s in words, and beside them', (code) => {
    const fault = certificateFault(code, good, 'b.test', new Date());
    expect(fault?.why).toMatch(new RegExp(`^[a-z].* \\(${code}\\)$`));
    expect(fault?.remedy).toContain('certificate-authority');
  });

  it('is not what other errors are about', () => {
    expect(whyOf('ECONNRESET')).toBeUndefined();
    expect(whyOf('')).toBeUndefined();
  });
});
