import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly name?: string;
  /** In OpenSSL's words: `IP:127.0.0.1,DNS:localhost`. */
  readonly names?: string;
  /** YYYYMMDDHHMMSSZ. */
  readonly from?: string;
  readonly until?: string;
}

/** A certificate authority that lives in an empty directory. */
export class Authority {
  readonly cert: string;
  readonly #directory: string;
  #count = 0;

  /** @param pair its certificate and key; made where left out, and then its own root. */
  constructor(directory: string, name = 'cluster authority', pair?: KeyPair) {
    this.#directory = directory;
    if (pair === undefined) {
      const subject = ['-subj', `/CN=${name}`, '-days', '2'];
      this.#openssl('req', '-x509', '-new', ...newKey('ca.key'), ...subject, '-out', 'ca.crt');
    } else {
      writeFileSync(join(directory, 'ca.crt'), pair.cert);
      writeFileSync(join(directory, 'ca.key'), pair.key);
    }
    writeFileSync(join(directory, 'index.txt'), '');
    writeFileSync(join(directory, 'ca.cnf'), CONFIGURATION);
    this.cert = this.#read('ca.crt');
  }

  issue(request: CertificateRequest = {}): KeyPair {
    const { name = 'kube-apiserver', names = 'IP:127.0.0.1', from, until } = request;
    const times = [...(from ? ['-startdate', from] : []), ...(until ? ['-enddate', until] : ['-days', '1'])];
    return this.#sign(name, `subjectAltName=${names}`, times);
  }

  /** An authority under this one, in an empty directory of its own. */
  intermediate(directory: string): Authority {
    const name = 'intermediate authority';
    const pair = this.#sign(name, 'basicConstraints=critical,CA:TRUE', ['-days', '1']);
    return new Authority(directory, name, pair);
  }

  selfSigned(): KeyPair {
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
    this.#openssl(
      'req',
      '-x509',
      '-new',
      ...newKey('self.key'),
      '-subj',
      '/CN=self',
      ...names,
      '-out',
      'self.crt',
    );
    return { cert: this.#read('self.crt'), key: this.#read('self.key') };
  }

  #sign(name: string, extension: string, times: readonly string[]): KeyPair {
    this.#count += 1;
    const file = `${this.#count}`;
    this.#openssl('req', '-new', ...newKey(`${file}.key`), '-subj', `/CN=${name}`, '-out', `${file}.csr`);
    writeFileSync(join(this.#directory, `${file}.ext`), `${extension}\n`);
    this.#openssl(
      ...['ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key'],
      ...['-in', `${file}.csr`, '-out', `${file}.crt`, '-extfile', `${file}.ext`, ...times],
    );
    return { cert: this.#read(`${file}.crt`), key: this.#read(`${file}.key`) };
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #read(file: string): string {
    return readFileSync(join(this.#directory, file), 'utf8');
  }
}

const CONFIGURATION = `
[ca]
default_ca = authority
[authority]
new_certs_dir = .
rand_serial = yes
database = index.txt
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
`;

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file];
}
