import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { IPv6 } from 'ip-num';
import {
  bitString,
  boolean,
  identifier,
  integer,
  octetString,
  sequence,
  set,
  tagged,
  text,
  time,
} from './der.js';

const MS_PER_DAY = 86_400_000;

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** A key and the certificate of it, both PEM. */
export interface Certified {
  readonly key: string;
  readonly certificate: string;
}

/** When a certificate is valid; where it is not said, from yesterday until tomorrow. */
export interface Validity {
  readonly from?: Date;
  readonly until?: Date;
}

interface Subject {
  readonly commonName: string;
  readonly organization?: string;
}

/** A certificate authority that lives as long as a spec: what it issues is as valid, or as wrong, as the spec needs. */
export class CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly certificate: string;
  readonly #subject: Subject;
  readonly #key: KeyObject;
  readonly #keyIdentifier: Buffer;

  /** @param issuer signs for it; its own root where left out. */
  constructor(commonName = 'kube-splice specs', issuer?: CertificateAuthority) {
    const { privateKey, publicKey } = newKeyPair();
    this.#subject = { commonName };
    this.#key = privateKey;
    this.#keyIdentifier = keyIdentifier(publicKey);
    const usage = [
      extension(BASIC_CONSTRAINTS, sequence(boolean(true)), true),
      // keyCertSign and cRLSign.
      extension(KEY_USAGE, bitString(Buffer.from([0b0000_0110]), 1), true),
    ];
    this.certificate = (issuer ?? this).#issue(this.#subject, publicKey, usage, {});
  }

  /** The certificate of a server that nobody but itself vouches for: of this key, and no authority. */
  selfSigned(): Certified {
    const certificate = this.#issue(this.#subject, createPublicKey(this.#key), [], {});
    return { key: exported(this.#key), certificate };
  }

  /** A server's certificate for these names and addresses. */
  server(names: readonly string[] = ['127.0.0.1', 'localhost'], validity: Validity = {}): Certified {
    const alternatives = names.map((name) =>
      isIP(name) === 0 ? tagged(2, Buffer.from(name), false) : tagged(7, addressBytes(name), false),
    );
    return this.#certified({ commonName: names[0] ?? '' }, SERVER_AUTH, validity, [
      extension(SUBJECT_ALT_NAME, sequence(...alternatives)),
    ]);
  }

  /** A server's certificate that was valid until yesterday. */
  expiredServer(names?: readonly string[]): Certified {
    const from = new Date(Date.now() - 10 * MS_PER_DAY);
    return this.server(names, { from, until: new Date(Date.now() - MS_PER_DAY) });
  }

  /** A client's certificate: Kubernetes takes the user from its common name, and the group from its organization. */
  client(user = 'kube-splice', group = 'system:nodes', validity: Validity = {}): Certified {
    return this.#certified({ commonName: user, organization: group }, CLIENT_AUTH, validity, []);
  }

  #certified(subject: Subject, usage: string, validity: Validity, extensions: readonly Buffer[]): Certified {
    const { privateKey, publicKey } = newKeyPair();
    const all = [
      // digitalSignature.
      extension(KEY_USAGE, bitString(Buffer.from([0b1000_0000]), 7), true),
      extension(EXTENDED_KEY_USAGE, sequence(identifier(usage))),
      ...extensions,
    ];
    return {
      key: exported(privateKey),
      certificate: this.#issue(subject, publicKey, all, validity),
    };
  }

  /** A certificate of version 3 (RFC 5280, section 4.1). */
  #issue(subject: Subject, key: KeyObject, extensions: readonly Buffer[], validity: Validity): string {
    const { from = new Date(Date.now() - MS_PER_DAY), until = new Date(Date.now() + MS_PER_DAY) } = validity;
    const algorithm = sequence(identifier(ECDSA_WITH_SHA256));
    const content = sequence(
      tagged(0, integer(Buffer.from([2]))),
      // A serial number must not begin with zeros.
      integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      algorithm,
      name(this.#subject),
      sequence(time(from), time(until)),
      name(subject),
      key.export({ type: 'spki', format: 'der' }),
      tagged(3, sequence(...extensions, ...this.#identifiers(key))),
    );
    return pem(sequence(content, algorithm, bitString(sign('sha256', content, this.#key))));
  }

  /** By which a verifier tells this authority from another of the same name, as the one before a rotation has. */
  #identifiers(key: KeyObject): Buffer[] {
    return [
      extension(SUBJECT_KEY_IDENTIFIER, octetString(keyIdentifier(key))),
      extension(AUTHORITY_KEY_IDENTIFIER, sequence(tagged(0, this.#keyIdentifier, false))),
    ];
  }
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function exported(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function newKeyPair(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function name({ commonName, organization }: Subject): Buffer {
  const parts = organization === undefined ? [] : [nameEntry(ORGANIZATION, organization)];
  return sequence(...parts, nameEntry(COMMON_NAME, commonName));
}

function nameEntry(type: string, value: string): Buffer {
  return set(sequence(identifier(type), text(value)));
}

function extension(type: string, value: Buffer, isCritical = false): Buffer {
  return sequence(identifier(type), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  return Buffer.from(new IPv6(address).value.toString(16).padStart(32, '0'), 'hex');
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
